/** A token bucket's verdict. Times are milliseconds. */
export interface TakeResult {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly retryAfterMs: number;
}

export interface Bucket {
  readonly key: string;
  readonly ratePerSecond: number;
  readonly burst: number;
}

/** Held until released or until its time to live passes; `fence` grows with every holder of the same name. */
export interface Lock {
  readonly fence: number;
  renew(ttlMs: number): Promise<boolean>;
  release(): Promise<void>;
}

/** State that processes share and may lose: buckets, locks, breaker state, messages. Clocks are the store's own. */
export interface SharedState {
  /** Takes `cost` tokens from every bucket, or from none when one has too few. */
  take(buckets: readonly Bucket[], cost: number): Promise<readonly TakeResult[]>;
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
