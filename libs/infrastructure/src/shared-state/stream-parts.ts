import type { Deadline } from './deadline.js';

/** Bounds of an answer that comes in parts, in ms: for its first part over all attempts, between two parts, and for the whole. */
export interface StreamDeadlines {
  readonly firstMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

/** What one attempt of a stream has come to. */
export interface Seen {
  parts: number;
  outcome: 'left' | 'succeeded' | 'failed';
}

interface Bounds extends StreamDeadlines {
  /** By `performance.now()`. */
  readonly firstBy: number;
  readonly late: (waitedFor: string, ms: number) => Error;
}

/** The parts of one attempt, each within its deadline; `seen` is kept up to date on the way. */
export async function* streamParts<T>(
  source: AsyncIterator<T>,
  { firstMs, idleMs, firstBy, late }: Bounds,
  deadline: Deadline,
  seen: Seen,
): AsyncGenerator<T, void, undefined> {
  const next = (): Promise<IteratorResult<T, unknown>> => source.next();
  try {
    let [leftMs, tooLate] = [firstBy - performance.now(), late('first part', firstMs)];
    for (;;) {
      const result = await deadline.within(leftMs, tooLate, next);
      if (result.done === true) break;
      seen.parts += 1;
      yield result.value;
      [leftMs, tooLate] = [idleMs, late('next part', idleMs)];
    }
    seen.outcome = 'succeeded';
  } catch (error) {
    seen.outcome = 'failed';
    throw error;
  } finally {
    deadline.end();
    // Its end is not waited for: it may hang where it is.
    source.return?.().catch(() => undefined);
  }
}
