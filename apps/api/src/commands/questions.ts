import type { MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import type { Heard, Utterance } from '#api/commands/hearing.js';
import type { CallerContext } from '#api/http/caller.js';
import type { AnswerOptions, Citation, Turn } from '#infra/adapters/llm/answerer.js';

/** A question as a caller asks it, whatever protocol it came by. */
export interface Question {
  readonly sessionId: string;
  readonly corpusId: string;
  /** Empty as long as nobody has heard what is said in `speech`. */
  readonly message: string;
  readonly topK: number | null;
  readonly audio: boolean;
  /** A question that is spoken: it is transcribed before anything is looked for. */
  readonly speech?: Utterance | undefined;
  /** What was heard in it. */
  readonly heard?: Heard | undefined;
  /** Only passages of documents that it holds for. */
  readonly filter?: MetadataFilter | undefined;
  /** What was said before, oldest first, where the caller says so itself; else what its session holds. */
  readonly history?: readonly Turn[];
  /** How the answer shall be made. */
  readonly options?: AnswerOptions;
}

export interface AnswerKey {
  readonly tenantId: string;
  readonly runId: string;
}

export interface FinalAnswer {
  readonly text: string;
  readonly citations: readonly Citation[];
  readonly degraded: boolean;
  readonly reason_code?: string;
  readonly finish_reason?: 'stop' | 'length' | 'refused';
}

/** What is said on the way to an answer, in order; `silence` where nothing was for a while. */
export type Said =
  | { readonly kind: 'accepted'; readonly at: string; readonly sessionId: string }
  | { readonly kind: 'delta'; readonly delta: string }
  | { readonly kind: 'final'; readonly final: FinalAnswer }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'silence' };

export interface TokensUsed {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Part of the input that the provider had seen before. */
  readonly cachedTokens: number;
  /** Part of the output that nobody sees. */
  readonly reasoningTokens: number;
}

/** The one way in for questions: the same admission, authorisation, rate, quota and audit for every protocol. */
export abstract class Questions {
  /** Refuses every question while answering is switched off. */
  abstract open(caller: CallerContext): Promise<void>;

  /** Refuses who may not ask a corpus by that id, be it there or not. */
  abstract mayAsk(corpusId: string, caller: CallerContext): Promise<void>;

  /** The session of a question that names none: its own, and the same again for a repeat under an Idempotency-Key. */
  abstract ownSession(caller: CallerContext): string;

  /** Starts a run, or finds the one that the Idempotency-Key stands for; its id. `left`: the client of a spoken question is gone. */
  abstract begin(question: Question, caller: CallerContext, left?: AbortSignal): Promise<string>;

  /** What is said, from the beginning to the end, while the signal's client listens: a run that nobody hears is cancelled. */
  abstract follow(key: AnswerKey, signal: AbortSignal): AsyncIterable<Said>;

  /** What an answer took, from the moment on that its last word was said. */
  abstract tokensOf(key: AnswerKey): Promise<TokensUsed>;
}
