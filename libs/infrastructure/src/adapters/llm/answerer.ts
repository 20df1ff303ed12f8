import type { JsonObject } from '#domain/kernel/schema.js';
import { pagesWithin, type PageSpan } from '#domain/kernel/text/page-span.js';

/** A passage as an answerer may quote it; `start` and `end` are UTF-16 offsets of the document's text. */
export interface AnswerPassage {
  readonly chunkId: string;
  readonly documentId: string;
  readonly source: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly score: number;
  /** Null or absent where the document has no pages. */
  readonly pages?: PageSpan | null;
}

/** One message of the conversation so far. */
export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** How an answer shall be made; a model that cannot do it so does it as it can. */
export interface AnswerOptions {
  /** What the caller asks of every answer, beside our own rules. */
  readonly instructions?: string;
  /** 0 to 2. */
  readonly temperature?: number;
  /** 0 to 1. */
  readonly topP?: number;
  /** The most tokens of the answer, as whoever answers counts them. */
  readonly maxOutputTokens?: number;
  /** The answer ends before the first of these. */
  readonly stop?: readonly string[];
}

export interface AnswerRequest {
  readonly tenantId: string;
  readonly question: string;
  readonly history: readonly Turn[];
  /** Best first. */
  readonly passages: readonly AnswerPassage[];
  /** What the corpus wants of the model; the configured one answers where it says nothing. */
  readonly generation?: JsonObject | undefined;
  readonly signal?: AbortSignal;
  readonly options?: AnswerOptions;
}

/**
 * What a marker `[n]` of the answer stands on; the n-th citation has the marker n. The document's text from `start` to
 * `end` (UTF-16 offsets) is what was cited; `quote` is that text where the answer holds it, letter for letter but for markers of
 * its own, which the answer has in round brackets.
 */
export interface Citation {
  readonly source: string;
  readonly document_id: string;
  readonly chunk_id: string;
  readonly start: number;
  readonly end: number;
  /** Pages from 1; null where the format has none. */
  readonly page_start: number | null;
  readonly page_end: number | null;
  readonly quote: string | null;
  /** 0 to 1: the passage's score. */
  readonly score: number;
}

/** Tokens as the provider counted them, or by rule. Cached ones are part of the input, reasoning ones of the output. */
export interface TokenCount {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
  readonly estimated: boolean;
}

/** Why it ended: it was complete, it was as long as allowed, or the model or its provider would not say more. */
export type FinishReason = 'stop' | 'length' | 'refused';

/** `llm_refused`: the model would not answer. The others say why no model did. */
export type ReasonCode = 'llm_unconfigured' | 'llm_timeout' | 'llm_error' | 'llm_rate_limit' | 'llm_refused';

export interface Answer {
  /** All deltas in order, joined. */
  readonly text: string;
  readonly citations: readonly Citation[];
  /** True when the answer is less than a configured model would give; `reasonCode` says why. */
  readonly degraded: boolean;
  readonly reasonCode: string | null;
  /** Who answered. */
  readonly provider: string;
  readonly model: string;
  /** Models that were asked, the one that answered included. */
  readonly attempts: number;
  readonly finishReason: FinishReason;
  /** Markers of the model that stood for no passage. */
  readonly droppedCitations: number;
  readonly tokens: TokenCount;
}

export type AnswerPart = { readonly delta: string } | { readonly final: Answer };

/**
 * Answers a question from passages as a stream: deltas of one model, then one final part, within the bounds of its options.
 * Rejects with the signal's reason, or with a CatalogueError of what failed.
 */
export interface Answerer {
  /** What it is called where health is shown. */
  readonly name: string;
  /** False where nothing but quotations can answer. */
  readonly configured: boolean;
  /** Whether it answers by quotation, here and at once, where a corpus wants this of the model. */
  quotes(generation: JsonObject | undefined): boolean;
  answer(request: AnswerRequest): AsyncIterable<AnswerPart>;
}

/** The citation of a span of a passage. */
export function citationOf(passage: AnswerPassage, quote?: { start: number; end: number; text: string }): Citation {
  const { source, documentId, chunkId, pages } = passage;
  const { start, end } = quote ?? passage;
  const cited = pages == null ? undefined : pagesWithin(pages, start, end);
  return {
    source,
    document_id: documentId,
    chunk_id: chunkId,
    start,
    end,
    page_start: cited?.first ?? null,
    page_end: cited?.last ?? null,
    quote: quote?.text ?? null,
    score: Number.isFinite(passage.score) ? Math.min(1, Math.max(0, passage.score)) : 0,
  };
}
