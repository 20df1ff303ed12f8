import type { JobAttempt } from '../job.js';
import type { JsonObject } from '../schema.js';

/** The first attempt of a job, and not its last; it never lasts. */
export function attemptOf<D extends JsonObject>(data: D, over: Partial<JobAttempt<D>> = {}): JobAttempt<D> {
  return {
    id: 'job',
    data,
    attempt: 1,
    lastAttempt: false,
    startedAt: '2026-01-01T00:00:00.000Z',
    signal: new AbortController().signal,
    whenLasting: () => undefined,
    ...over,
  };
}
