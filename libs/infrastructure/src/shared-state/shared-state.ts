import type { CircuitLimits, CircuitResult, CircuitStep } from './circuit.js';

/** A token bucket's verdict. Times are milliseconds. */
export interface TakeResult {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Infinity when no wait helps. */
  readonly retryAfterMs: number;
  /** Until the bucket is full again, when nobody takes from it; Infinity when it never is. */
  readonly fullInMs: number;
}

export interface Bucket {
  readonly key: string;
  readonly ratePerSecond: number;
  readonly burst: number;
}

/** A number that only grows within its period, with a limit: what a tenant has used of a quota. */
export interface Counter {
  readonly key: string;
  /** Null is unlimited. */
  readonly limit: number | null;
  /** What is known to have been used: a counter below it is raised to it, which also brings back one that was lost. */
  readonly floor: number;
  /** False: the limit is observed only. */
  readonly enforced: boolean;
  /** What must fit below the limit. */
  readonly needs: number;
  /** What is added when all fits; 0 only compares. */
  readonly adds: number;
  /** How long it is kept after it was last changed, in ms. */
  readonly ttlMs: number;
}

export interface CounterResult {
  readonly before: number;
  readonly after: number;
  /** `needs` did not fit below the limit, enforced or not. */
  readonly over: boolean;
}

/** One request to be let in: it takes `cost` from every bucket, and counts when the buckets allow and no enforced limit is passed. */
export interface AdmitAsked {
  readonly buckets: readonly Bucket[];
  readonly cost: number;
  readonly counters: readonly Counter[];
}

export interface AdmitResult {
  readonly buckets: readonly TakeResult[];
  readonly counters: readonly CounterResult[];
  /** The store's clock at the decision, in ms. */
  readonly at: number;
}

/** Held until released or until its time to live passes; `fence` grows with every holder of the same name. */
export interface Lock {
  readonly fence: number;
  renew(ttlMs: number): Promise<boolean>;
  release(): Promise<void>;
}

/** State that processes share and may lose: buckets, counters, locks, breaker state, messages. Clocks are the store's own. */
export interface SharedState {
  /** Decides on buckets and counters in one step, at once where the state is this process's own. */
  admit(asked: AdmitAsked): AdmitResult | Promise<AdmitResult>;
  /** Adds to a counter (or, below 0, gives back), never to below 0; one that is not there is not made by giving back. */
  add(counterKey: string, delta: number, ttlMs: number): Promise<void>;
  /** Takes `cost` tokens from every bucket, or from none when one has too few. */
  take(buckets: readonly Bucket[], cost: number): Promise<readonly TakeResult[]>;
  /** One step of the circuit of that name, decided where it is stored and by the clock there. */
  circuit(name: string, step: CircuitStep, limits: CircuitLimits): Promise<CircuitResult>;
  /** The lock, or undefined while another holds it. */
  lock(name: string, ttlMs: number): Promise<Lock | undefined>;
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  /** Stores `value` only when the current value is `expected` (undefined: absent). */
  compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  publish(channel: string, message: string): Promise<void>;
  /** Calls `onMessage` for each message until unsubscribed; survives reconnects. */
  subscribe(channel: string, onMessage: (message: string) => void): Promise<() => Promise<void>>;
  /** True when the store answers now. */
  healthy(): Promise<boolean>;
  close(): Promise<void>;
}
