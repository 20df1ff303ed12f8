/** A passage as an answerer may quote it; `start` and `end` are UTF-16 offsets of the document's text. */
export interface AnswerPassage {
  readonly chunkId: string;
  readonly documentId: string;
  readonly source: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly score: number;
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
  /** Tokens after which the answer is cut; `bounded` sees to it whatever the model does. */
  readonly maxOutputTokens?: number;
  /** The answer ends before the first of these. */
  readonly stop?: readonly string[];
}

export interface AnswerRequest {
  readonly question: string;
  readonly history: readonly Turn[];
  /** Best first. */
  readonly passages: readonly AnswerPassage[];
  readonly signal?: AbortSignal;
  readonly options?: AnswerOptions;
}

/**
 * What a marker `[n]` of the answer stands on; the n-th citation has the marker n. The document's text from `start` to
 * `end` (UTF-16 offsets) is what was quoted, letter for letter.
 */
export interface Citation {
  readonly source: string;
  readonly document_id: string;
  readonly chunk_id: string;
  readonly start: number;
  readonly end: number;
  /** 0 to 1: the passage's score. */
  readonly score: number;
}

export interface Answer {
  /** All deltas in order, joined. */
  readonly text: string;
  readonly citations: readonly Citation[];
  /** True when the answer is less than a configured model would give; `reasonCode` says why. */
  readonly degraded: boolean;
  readonly reasonCode: string | null;
  /** Set when it was cut at the number of tokens that the caller allowed. */
  readonly finishReason?: 'length' | undefined;
}

export type AnswerPart = { readonly delta: string } | { readonly final: Answer };

/** Answers a question from passages as a stream: deltas, then one final part. Rejects with the signal's reason. */
export interface Answerer {
  readonly model: string;
  answer(request: AnswerRequest): AsyncIterable<AnswerPart>;
}
