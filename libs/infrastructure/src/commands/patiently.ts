import { setTimeout as delay } from 'node:timers/promises';
import { isTransient } from '#infra/database/database-errors.js';
import { AppendOutcomeUnknown, LogUnavailable } from '#infra/event-log/event-log.js';

const passes = (error: unknown): boolean =>
  isTransient(error) || error instanceof LogUnavailable || error instanceof AppendOutcomeUnknown;

/**
 * Repeats work that is harmless to repeat while its store is away for a moment, for `forMs` milliseconds (5,000). Throws the
 * last error after that, and any other error at once.
 */
export async function patiently<T>(work: () => Promise<T>, forMs = 5_000): Promise<T> {
  const until = Date.now() + forMs;
  for (let wait = 20; ; wait = Math.min(500, wait * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!passes(error) || Date.now() >= until) throw error;
      await delay(wait);
    }
  }
}
