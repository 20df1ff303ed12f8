import { filterJson } from '#domain/kernel/filter/metadata-filter.js';
import type { Heard } from '#api/commands/hearing.js';
import type { RunAsked } from './run-admission.handler.js';
import type { RunProgress } from './run-steps.adapter.js';
import type { CompleteRun } from '#domain/capabilities/runs/runs.decider.js';
import type { Answer } from '#infra/adapters/llm/answerer.js';
import { StreamLost } from '#infra/recorded-streams/stream-writer.js';

/** Times one run, from when it is made. */
export class RunClock {
  private readonly began = performance.now();
  private retrievedAt = 0;
  private firstTextAt = 0;
  private answeredAt = 0;

  /** To be called when a step comes. */
  note(step: RunProgress['kind']): void {
    const now = performance.now();
    if (step === 'retrieved') this.retrievedAt = now;
    if (step === 'delta' && this.firstTextAt === 0) this.firstTextAt = now;
    if (step === 'answered') this.answeredAt = now;
  }

  /** Whole ms: to the passages, to the first text, and from the passages to the whole answer. */
  get timings(): { retrievalMs: number; firstTextMs: number; generationMs: number } {
    const { began, retrievedAt, firstTextAt, answeredAt } = this;
    return {
      retrievalMs: Math.round(retrievedAt - began),
      firstTextMs: Math.max(0, Math.round(firstTextAt - began)),
      generationMs: Math.round(answeredAt - retrievedAt),
    };
  }
}

/** What the event of the outcome tells, but for what is known when it is told. */
export type Outcome = Omit<CompleteRun['data'], 'answer' | 'frames' | 'durationMs'>;

/** What it tells of the answer itself. */
export function outcomeOf(answer: Answer, { timings }: RunClock): Omit<Outcome, 'chunkCount'> {
  const { citations, degraded, reasonCode, provider, model, attempts, finishReason, droppedCitations } = answer;
  const { input, cached, output, reasoning, estimated } = answer.tokens;
  return {
    citationCount: citations.length,
    degraded,
    reasonCode,
    inputTokens: input,
    cachedTokens: cached,
    outputTokens: output,
    reasoningTokens: reasoning,
    tokensEstimated: estimated,
    provider,
    model,
    attempts,
    finishReason,
    droppedCitations,
    timings,
  };
}

/** What is told of a question that was spoken. */
export const heardData = ({ text, language, seconds }: Heard): object => ({ text, language, duration_s: seconds });

export function errorData(row: { readonly code: string; readonly title: string }): { code: string; message: string } {
  return { code: row.code, message: row.title };
}

/** Ends a run whose frames another process writes now. */
export function lost(error: unknown, abort: AbortController): void {
  // After any other error the frame keeps its place, and the next write takes it along.
  if (error instanceof StreamLost) abort.abort('lost');
}

/** What is kept of a question: all that its answer hangs on, so that a repeat is told from another question. */
export const messageOf = ({ message: text, history, filter, options = {}, audio, speech }: RunAsked): object => ({
  text,
  history,
  ...(speech === undefined ? {} : { speech: { sha256: speech.file.sha256, language: speech.language } }),
  ...(filter === undefined ? {} : { filter: filterJson(filter) }),
  ...(Object.keys(options).length === 0 ? {} : { options }),
  ...(audio ? { audio } : {}),
});

/** Whether what was kept of a question is that of the one asked now. */
export function isSameQuestion(kept: Uint8Array | undefined, asked: RunAsked): boolean {
  if (kept === undefined) return false;
  const stored = JSON.parse(new TextDecoder().decode(kept)) as { readonly text: string };
  // The same audio is the same question, however it is heard the second time.
  const message = asked.speech === undefined ? asked.message : stored.text;
  return JSON.stringify(stored) === JSON.stringify(messageOf({ ...asked, message }));
}
