import { EventEmitter } from 'node:events';
import { randomUUID } from 'node:crypto';
import { circuitTtlMs, closedCircuit, stepCircuit, type Circuit } from './circuit.js';
import type { CircuitLimits, CircuitResult, CircuitStep } from './circuit.js';
import type { AdmitAsked, AdmitResult, Bucket, Lock, SharedState, TakeResult } from './shared-state.js';
import { counted, idleMs, refilled, verdict, type Level } from './token-bucket.js';

interface Entry {
  readonly value: string;
  readonly until: number;
}

interface Kept<T> {
  readonly value: T;
  readonly until: number;
}

const sweepEvery = 10_000;

/** Shared state of one process, for embedded mode. `now` is in milliseconds. */
export class MemorySharedState implements SharedState {
  private readonly entries = new Map<string, Entry>();
  private readonly levels = new Map<string, Kept<Level>>();
  private readonly counters = new Map<string, Kept<number>>();
  private readonly circuits = new Map<string, Kept<Circuit>>();
  private readonly fences = new Map<string, number>();
  private readonly messages = new EventEmitter().setMaxListeners(0);
  private writes = 0;

  constructor(private readonly now: () => number = Date.now) {}

  admit({ buckets, cost, counters }: AdmitAsked): AdmitResult {
    this.sweep();
    const now = this.now();
    const levels = buckets.map((bucket) => refilled(bucket, live(this.levels.get(bucket.key), now), now));
    const allowed = levels.every(({ tokens }) => tokens >= cost);
    const tallies = counters.map((counter) => counted(counter, live(this.counters.get(counter.key), now) ?? 0));
    const fits = allowed && counters.every(({ enforced }, index) => !enforced || tallies[index]?.over !== true);
    return {
      at: now,
      buckets: buckets.map((bucket, index) => {
        const { tokens: before = 0, at = now } = levels[index] ?? {};
        const after = allowed ? before - cost : before;
        this.levels.set(bucket.key, { value: { tokens: after, at }, until: now + idleMs(bucket) });
        return verdict(bucket, cost, before, after);
      }),
      counters: counters.map(({ key, adds, ttlMs }, index) => {
        const { before = 0, over = false } = tallies[index] ?? {};
        const after = fits ? before + adds : before;
        if (after !== live(this.counters.get(key), now))
          this.counters.set(key, { value: after, until: now + Math.max(1, Math.ceil(ttlMs)) });
        return { before, after, over };
      }),
    };
  }

  async add(counterKey: string, delta: number, ttlMs: number): Promise<void> {
    const now = this.now();
    const stored = live(this.counters.get(counterKey), now);
    if (stored === undefined && delta <= 0) return;
    this.counters.set(counterKey, { value: Math.max(0, (stored ?? 0) + delta), until: now + ttlMs });
  }

  async take(buckets: readonly Bucket[], cost: number): Promise<readonly TakeResult[]> {
    return this.admit({ buckets, cost, counters: [] }).buckets;
  }

  async circuit(name: string, step: CircuitStep, limits: CircuitLimits): Promise<CircuitResult> {
    this.sweep();
    const now = this.now();
    const before = live(this.circuits.get(name), now) ?? closedCircuit;
    const { next, result } = stepCircuit(before, step, limits, now);
    if (next === closedCircuit) this.circuits.delete(name);
    else if (next !== before) this.circuits.set(name, { value: next, until: now + circuitTtlMs(limits) });
    return result;
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

  private sweep(): void {
    this.writes += 1;
    if (this.writes % sweepEvery !== 0) return;
    const now = this.now();
    for (const [key, { until }] of this.entries) if (until <= now) this.entries.delete(key);
    for (const [key, { until }] of this.levels) if (until <= now) this.levels.delete(key);
    for (const [key, { until }] of this.circuits) if (until <= now) this.circuits.delete(key);
    for (const [key, { until }] of this.counters) if (until <= now) this.counters.delete(key);
  }
}

function live<T>(kept: Kept<T> | undefined, now: number): T | undefined {
  return kept !== undefined && kept.until > now ? kept.value : undefined;
}
