import type { Bucket, TakeResult } from './shared-state.js';

/** The verdict of one bucket that held `before` tokens and holds `after` now. `retryAfterMs` is Infinity when no wait helps. */
export function verdict(bucket: Bucket, cost: number, before: number, after: number): TakeResult {
  return {
    allowed: before >= cost,
    remaining: Math.max(0, Math.floor(after)),
    retryAfterMs: before >= cost ? 0 : waitFor(bucket, cost - before, cost),
  };
}

function waitFor(bucket: Bucket, missing: number, cost: number): number {
  if (cost > bucket.burst || bucket.ratePerSecond <= 0) return Number.POSITIVE_INFINITY;
  return Math.ceil((missing / bucket.ratePerSecond) * 1_000);
}
