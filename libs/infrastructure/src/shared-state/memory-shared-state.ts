import { EventEmitter } from 'node:events';
import { randomUUID } from 'node:crypto';
import type { Bucket, Lock, SharedState, TakeResult } from './shared-state.js';
import { verdict } from './token-bucket.js';

interface Entry {
  readonly value: string;
  readonly until: number;
}

interface Level {
  readonly tokens: number;
  readonly at: number;
  readonly until: number;
}

const sweepEvery = 10_000;

/** Shared state of one process, for embedded mode. `now` is in milliseconds. */
export class MemorySharedState implements SharedState {
  private readonly entries = new Map<string, Entry>();
  private readonly levels = new Map<string, Level>();
  private readonly fences = new Map<string, number>();
  private readonly messages = new EventEmitter().setMaxListeners(0);
  private writes = 0;

  constructor(private readonly now: () => number = Date.now) {}

  async take(buckets: readonly Bucket[], cost: number): Promise<readonly TakeResult[]> {
    this.sweep();
    const now = this.now();
    const levels = buckets.map((bucket) => this.levelOf(bucket, now));
    const all = levels.every((tokens) => tokens >= cost);
    return buckets.map((bucket, index) => {
      const before = levels[index] ?? 0;
      const tokens = all ? before - cost : before;
      this.levels.set(bucket.key, { tokens, at: now, until: now + idleMs(bucket) });
      return verdict(bucket, cost, before, tokens);
    });
  }

  async lock(name: string, ttlMs: number): Promise<Lock | undefined> {
    const key = `lock:${name}`;
    const token = randomUUID();
    if (!(await this.compareAndSet(key, undefined, token, ttlMs))) return undefined;
    const fence = Math.max((this.fences.get(name) ?? 0) + 1, Math.floor(this.now() * 1_000));
    this.fences.set(name, fence);
    return {
      fence,
      renew: (nextMs) => this.compareAndSet(key, token, token, nextMs),
      release: async () => {
        if ((await this.get(key)) === token) this.entries.delete(key);
      },
    };
  }

  async get(key: string): Promise<string | undefined> {
    const entry = this.entries.get(key);
    if (entry === undefined || entry.until > this.now()) return entry?.value;
    this.entries.delete(key);
    return undefined;
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    this.sweep();
    this.entries.set(key, { value, until: this.now() + ttlMs });
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): Promise<boolean> {
    const entry = this.entries.get(key);
    const current = entry !== undefined && entry.until > this.now() ? entry.value : undefined;
    if (current !== expected) return false;
    this.entries.set(key, { value, until: this.now() + ttlMs });
    return true;
  }

  async delete(key: string): Promise<void> {
    this.entries.delete(key);
  }

  async publish(channel: string, message: string): Promise<void> {
    setImmediate(() => this.messages.emit(`on ${channel}`, message));
  }

  async subscribe(channel: string, onMessage: (message: string) => void): Promise<() => Promise<void>> {
    const listener = (message: string): void => onMessage(message);
    this.messages.on(`on ${channel}`, listener);
    return async () => {
      this.messages.off(`on ${channel}`, listener);
    };
  }

  async healthy(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {
    this.messages.removeAllListeners();
  }

  private levelOf(bucket: Bucket, now: number): number {
    const level = this.levels.get(bucket.key);
    if (level === undefined || level.until <= now) return bucket.burst;
    const refilled = level.tokens + (Math.max(0, now - level.at) * bucket.ratePerSecond) / 1_000;
    return Math.min(bucket.burst, refilled);
  }

  private sweep(): void {
    this.writes += 1;
    if (this.writes % sweepEvery !== 0) return;
    const now = this.now();
    for (const [key, { until }] of this.entries) if (until <= now) this.entries.delete(key);
    for (const [key, { until }] of this.levels) if (until <= now) this.levels.delete(key);
  }
}

/** How long an untouched bucket is remembered: until it is full again; 30 days when it never refills. */
export function idleMs(bucket: Bucket): number {
  if (bucket.ratePerSecond <= 0) return 30 * 86_400_000;
  return Math.min(30 * 86_400_000, Math.ceil((bucket.burst / bucket.ratePerSecond) * 1_000) + 1_000);
}
