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

export interface AnswerRequest {
  readonly question: string;
  readonly history: readonly Turn[];
  /** Best first. */
  readonly passages: readonly AnswerPassage[];
  readonly signal?: AbortSignal;
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
}

export type AnswerPart = { readonly delta: string } | { readonly final: Answer };

/** Answers a question from passages as a stream: deltas, then one final part. Rejects with the signal's reason. */
export interface Answerer {
  readonly model: string;
  answer(request: AnswerRequest): AsyncIterable<AnswerPart>;
}
