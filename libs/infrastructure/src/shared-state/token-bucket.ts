import type { Bucket, Counter, CounterResult, TakeResult } from './shared-state.js';

/** What a bucket held at a time, in ms of the store's clock. */
export interface Level {
  readonly tokens: number;
  readonly at: number;
}

/** A bucket's level now: refilled since it was stored, full when it was not. A clock that went back refills nothing. */
export function refilled(bucket: Bucket, level: Level | undefined, now: number): Level {
  if (level === undefined) return { tokens: bucket.burst, at: now };
  const since = Math.max(0, now - level.at);
  const tokens = Math.min(bucket.burst, level.tokens + (since * bucket.ratePerSecond) / 1_000);
  return { tokens, at: Math.max(now, level.at) };
}

/** The verdict of one bucket that held `before` tokens and holds `after` now. */
export function verdict(bucket: Bucket, cost: number, before: number, after: number): TakeResult {
  return {
    allowed: before >= cost,
    remaining: Math.max(0, Math.floor(after)),
    retryAfterMs: before >= cost ? 0 : waitFor(bucket, cost - before, cost),
    fullInMs: after >= bucket.burst ? 0 : waitFor(bucket, bucket.burst - after, 0),
  };
}

function waitFor(bucket: Bucket, missing: number, cost: number): number {
  if (cost > bucket.burst || bucket.ratePerSecond <= 0) return Number.POSITIVE_INFINITY;
  return Math.ceil((missing / bucket.ratePerSecond) * 1_000);
}

/** What a counter says before anything is added. */
export function counted(counter: Counter, stored: number): CounterResult {
  const before = Math.max(stored, counter.floor);
  return { before, after: before, over: counter.limit !== null && before + counter.needs > counter.limit };
}

const LONGEST_MS = 30 * 86_400_000;

/** How long an untouched bucket is remembered: until it is full again; 30 days when it never refills. */
export function idleMs(bucket: Bucket): number {
  if (bucket.ratePerSecond <= 0) return LONGEST_MS;
  return Math.min(LONGEST_MS, Math.ceil((bucket.burst / bucket.ratePerSecond) * 1_000) + 1_000);
}
