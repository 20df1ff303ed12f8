import { sentences } from '#domain/kernel/text/sentences.js';
import { terms } from '#domain/kernel/text/tokenizer.js';
import { estimatedTokens } from '#domain/kernel/text/tokens.js';
import { quotableSpans, type QuotableSpan } from './quotable-spans.js';
import { bounded } from './bounded-answer.js';
import { withoutMarkers } from './foreign-markers.js';
import { citationOf, type AnswerPart, type AnswerPassage, type AnswerRequest, type Answerer } from './answerer.js';

export interface ExtractiveOptions {
  readonly maxSentences?: number;
  readonly maxPassages?: number;
}

/** A sentence or a record that may be quoted, with its place in its document. */
interface Quote {
  readonly record: boolean;
  readonly passage: AnswerPassage;
  readonly passageAt: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly words: ReadonlySet<string>;
  readonly score: number;
}

/** A passage with the words of what may be quoted of it. */
interface ReadPassage {
  readonly passage: AnswerPassage;
  readonly spans: readonly (QuotableSpan & { readonly text: string; readonly words: ReadonlySet<string> })[];
}

/** How it names itself. */
export const EXTRACTIVE = { provider: 'extractive', model: 'extractive-v1' } as const;

const nothingFound = 'The documents that you can read say nothing about this question.';
/** Characters. */
const widestQuote = 400;
const introduction = 'From the documents: ';
/** What is told at once: the whole text is there, so that single words would only be more frames. */
const fewWords = /(?:\s*\S+){1,8}(?:\s+$)?/gu;

/**
 * Answers without a model: it quotes the sentences that hold most of the question's weight, letter for letter but for what
 * looks like a marker, with numbered markers. Always degraded, for it selects and does not reason.
 */
export class ExtractiveAnswerer implements Answerer {
  readonly name = EXTRACTIVE.provider;
  readonly configured = false;
  private readonly maxSentences: number;
  private readonly maxPassages: number;

  constructor(options: ExtractiveOptions = {}) {
    this.maxSentences = options.maxSentences ?? 4;
    this.maxPassages = options.maxPassages ?? 10;
  }

  quotes(): boolean {
    return true;
  }

  answer(request: AnswerRequest): AsyncIterable<AnswerPart> {
    return bounded(this.unbounded(request), request.options ?? {});
  }

  private async *unbounded({ question, passages, signal }: AnswerRequest): AsyncIterable<AnswerPart> {
    const quotes = this.pick(question, passages.slice(0, this.maxPassages));
    const text = quotes.length === 0 ? nothingFound : introduction + quotes.map(quoted).join(' ');
    for (const [words] of text.matchAll(fewWords)) {
      signal?.throwIfAborted();
      yield { delta: words };
    }
    signal?.throwIfAborted();
    const given = [question, ...passages.map((passage) => passage.text)];
    const [input, output] = [estimatedTokens(given), estimatedTokens([text])];
    yield {
      final: {
        text,
        citations: quotes.map(({ passage, ...quote }) => citationOf(passage, quote)),
        degraded: true,
        reasonCode: 'llm_unconfigured',
        provider: EXTRACTIVE.provider,
        model: EXTRACTIVE.model,
        attempts: 1,
        finishReason: 'stop',
        droppedCitations: 0,
        tokens: { input, cached: 0, output, reasoning: 0, estimated: true },
      },
    };
  }

  private pick(question: string, passages: readonly AnswerPassage[]): Quote[] {
    const asked = new Set(terms(question));
    const read = passages.map(readOf);
    const weights = weightsOf(asked, read);
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
    if (total <= 0) return [];
    const quotes = read.flatMap((one, at) => quotesOf(one, at, weights, total));
    const best = Math.max(0, ...quotes.map(({ score }) => score));
    const chosen: Quote[] = [];
    for (const quote of quotes.sort(byScore)) {
      if (chosen.length === this.maxSentences) break;
      if (quote.score < best * 0.5) break;
      if (!chosen.some((other) => repeats(quote, other))) chosen.push(chosen.length === 0 ? widened(quote) : quote);
    }
    return chosen;
  }
}

function readOf(passage: AnswerPassage): ReadPassage {
  const spans = quotableSpans(passage.text).map((span) => {
    const text = passage.text.slice(span.start, span.end);
    return { ...span, text, words: new Set(terms(text)) };
  });
  return { passage, spans };
}

/** How rare each word of the question is among the passages, so that their common words count little. */
function weightsOf(asked: ReadonlySet<string>, passages: readonly ReadPassage[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const word of asked) {
    const found = passages.filter(({ spans }) => spans.some(({ words }) => words.has(word))).length;
    weights.set(word, Math.log(1 + (passages.length + 1) / (found + 0.5)));
  }
  return weights;
}

function quotesOf(
  { passage, spans }: ReadPassage,
  passageAt: number,
  weights: ReadonlyMap<string, number>,
  total: number,
): Quote[] {
  const best = Number.isFinite(passage.score) ? passage.score : 0;
  let heading: ReadonlySet<string> = new Set();
  return spans.flatMap((span, at): Quote[] => {
    const { record, text, words } = span;
    if (!record && isHeading(text)) {
      heading = words;
      return [];
    }
    const share = (holds: (word: string) => boolean): number => sum(weights, holds) / total;
    const own = share((word) => words.has(word));
    // What stands under a heading is about the heading's words, though it does not repeat them.
    const under = share((word) => words.has(word) || heading.has(word)) - own;
    if (own + under <= 0) return [];
    const position = 1 / (1 + at);
    const score = own + 0.6 * under + 0.05 * position + 0.3 * best - 0.02 * passageAt;
    const enough = own + under >= Math.min(0.34, 1.01 / weights.size);
    if (!enough) return [];
    return [
      {
        ...{ passage, passageAt, record, text, words, score },
        start: passage.start + span.start,
        end: passage.start + span.end,
      },
    ];
  });
}

/** The best quote goes on to the end of its paragraph as long as that is short: what it announces stands there. */
function widened(quote: Quote): Quote {
  const { passage } = quote;
  const from = quote.start - passage.start;
  const paragraph = passage.text.slice(from).split(/\r?\n[^\S\r\n]*\r?\n/u, 1)[0] ?? '';
  let end = quote.end;
  for (const span of sentences(passage.text, { start: from, end: from + paragraph.length }))
    if (span.end - from <= widestQuote) end = Math.max(end, passage.start + span.end);
  return { ...quote, end, text: passage.text.slice(from, end - passage.start) };
}

function isHeading(text: string): boolean {
  return (
    /^#{1,6}\s/u.test(text) || (text.length <= 80 && !/[.!?:;。！？…"”’)\]]$/u.test(text) && !/\s[.,;]\s/u.test(text))
  );
}

function repeats(quote: Quote, other: Quote): boolean {
  if (quote.passage.documentId === other.passage.documentId && quote.start < other.end && other.start < quote.end)
    return true;
  const shared = [...quote.words].filter((word) => other.words.has(word)).length;
  // Rows of one table have its columns in common, and often all but one of their values.
  const alike = quote.record && other.record ? 0.999 : 0.9;
  return shared / Math.max(1, Math.min(quote.words.size, other.words.size)) > alike;
}

function sum(weights: ReadonlyMap<string, number>, holds: (word: string) => boolean): number {
  let result = 0;
  for (const [word, weight] of weights) if (holds(word)) result += weight;
  return result;
}

function byScore(a: Quote, b: Quote): number {
  return b.score - a.score || a.passageAt - b.passageAt || a.start - b.start;
}

function quoted(quote: Quote, at: number): string {
  return `“${withoutMarkers(quote.text)}” [${at + 1}]`;
}
