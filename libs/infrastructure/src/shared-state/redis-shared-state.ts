import { createHash, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import {
  circuitTtlMs,
  type CircuitLimits,
  type CircuitResult,
  type CircuitState,
  type CircuitStep,
} from './circuit.js';
import {
  addScript,
  admitScript,
  circuitScript,
  compareAndDeleteScript,
  compareAndSetScript,
  lockScript,
} from './redis-scripts.js';
import type { AdmitAsked, AdmitResult, Bucket, Lock, SharedState, TakeResult } from './shared-state.js';
import { idleMs, verdict } from './token-bucket.js';

export interface RedisSharedStateOptions {
  readonly url: string;
  /** Before every key and channel; `nexusrag:` by default. */
  readonly prefix?: string;
  /** Before the name of a circuit; `nexusrag:cb` by default. */
  readonly circuitPrefix?: string;
  /** How the connections appear in CLIENT LIST; `nexusrag` by default. */
  readonly name?: string;
  /** Longest wait for one command, also for the connection that it needs; 500 ms by default. */
  readonly commandTimeoutMs?: number;
  /** Hears of lost connections, for the log. */
  readonly onError?: (error: Error) => void;
}

/** Redis did not answer in time; whether the command took effect is not known. */
export class SharedStateUnavailable extends Error {
  constructor(options?: ErrorOptions) {
    super('the shared state store does not answer', options);
    this.name = 'SharedStateUnavailable';
  }
}

const sha1 = (script: string): string => createHash('sha1').update(script).digest('hex');
const shas = new Map(
  [admitScript, addScript, lockScript, circuitScript, compareAndSetScript, compareAndDeleteScript].map((script) => [
    script,
    sha1(script),
  ]),
);

/** Shared state in Redis 6 or newer. Connects at the first use and comes back by itself; while it is down, calls fail at once. */
export class RedisSharedState implements SharedState {
  private readonly client: Redis;
  private readonly prefix: string;
  private readonly options: RedisSharedStateOptions;
  private readonly handlers = new Map<string, Set<(message: string) => void>>();
  private subscriber: Redis | undefined;
  private down = false;

  constructor(options: RedisSharedStateOptions) {
    this.options = options;
    this.prefix = options.prefix ?? 'nexusrag:';
    this.client = this.connect();
    this.client.on('close', () => {
      this.down = true;
    });
    this.client.on('ready', () => {
      this.down = false;
    });
  }

  async admit({ buckets, cost, counters }: AdmitAsked): Promise<AdmitResult> {
    const keys = [...buckets.map(({ key }) => `bucket:${key}`), ...counters.map(({ key }) => `counter:${key}`)];
    const args: (string | number)[] = [buckets.length, cost];
    for (const bucket of buckets) args.push(bucket.ratePerSecond, bucket.burst, idleMs(bucket));
    for (const { limit, floor, enforced, needs, adds, ttlMs } of counters)
      args.push(limit ?? '', floor, enforced ? 1 : 0, needs, adds, whole(ttlMs));
    const [at, ...pairs] = ((await this.run(admitScript, keys, args)) as string[]).map(Number);
    const before = (index: number): number => pairs[index * 2] ?? 0;
    const after = (index: number): number => pairs[index * 2 + 1] ?? 0;
    return {
      at: at ?? 0,
      buckets: buckets.map((bucket, index) => verdict(bucket, cost, before(index), after(index))),
      counters: counters.map(({ limit, needs }, index) => {
        const used = before(buckets.length + index);
        return { before: used, after: after(buckets.length + index), over: limit !== null && used + needs > limit };
      }),
    };
  }

  async add(counterKey: string, delta: number, ttlMs: number): Promise<void> {
    await this.run(addScript, [`counter:${counterKey}`], [delta, whole(ttlMs)]);
  }

  async take(buckets: readonly Bucket[], cost: number): Promise<readonly TakeResult[]> {
    if (buckets.length === 0) return [];
    return (await this.admit({ buckets, cost, counters: [] })).buckets;
  }

  async circuit(name: string, step: CircuitStep, limits: CircuitLimits): Promise<CircuitResult> {
    const { failures, windowMs, openMs, trials, trialMs } = limits;
    const key = `${this.options.circuitPrefix ?? `${this.prefix}cb`}:${name}`;
    const args = [step, failures, windowMs, openMs, trials, trialMs, circuitTtlMs(limits)];
    const found = (await this.runOn(circuitScript, [key], args)) as [CircuitState, ...(string | number)[]];
    const [state, counted, allowed, trial, wait, changed, now] = found;
    return {
      state,
      failures: Number(counted),
      allowed: allowed === 1,
      trial: trial === 1,
      retryAfterMs: Number(wait),
      changed: changed === 1,
      now: Number(now),
    };
  }

  async lock(name: string, ttlMs: number): Promise<Lock | undefined> {
    const key = `lock:${name}`;
    const token = randomUUID();
    const fence = await this.run(lockScript, [key, `fence:${name}`], [token, whole(ttlMs)]);
    if (fence === null) return undefined;
    return {
      fence: Number(fence),
      renew: (nextMs) => this.compareAndSet(key, token, token, nextMs),
      release: async () => {
        await this.run(compareAndDeleteScript, [key], [token]);
      },
    };
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.bounded(() => this.client.get(this.prefix + key))) ?? undefined;
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    await this.bounded(() => this.client.set(this.prefix + key, value, 'PX', whole(ttlMs)));
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): Promise<boolean> {
    const args = [expected === undefined ? '0' : '1', expected ?? '', value, whole(ttlMs)];
    return (await this.run(compareAndSetScript, [key], args)) === 1;
  }

  async delete(key: string): Promise<void> {
    await this.bounded(() => this.client.del(this.prefix + key));
  }

  async publish(channel: string, message: string): Promise<void> {
    await this.bounded(() => this.client.publish(this.prefix + channel, message));
  }

  async subscribe(channel: string, onMessage: (message: string) => void): Promise<() => Promise<void>> {
    const name = this.prefix + channel;
    const handlers = this.handlers.get(name) ?? new Set();
    this.handlers.set(name, handlers.add(onMessage));
    this.subscriber ??= this.connectSubscriber();
    await this.subscriber.subscribe(name);
    return async () => {
      handlers.delete(onMessage);
      if (handlers.size > 0 || this.handlers.get(name) !== handlers) return;
      this.handlers.delete(name);
      await this.subscriber?.unsubscribe(name).catch(() => undefined);
    };
  }

  async healthy(): Promise<boolean> {
    return this.bounded(() => this.client.ping()).then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    this.client.disconnect();
    this.subscriber?.disconnect();
  }

  private connect(): Redis {
    const client = new Redis(this.options.url, {
      lazyConnect: true,
      connectionName: this.options.name ?? 'nexusrag',
      commandTimeout: this.options.commandTimeoutMs ?? 500,
      connectTimeout: 2_000,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(2_000, 50 * 2 ** Math.min(attempt, 6)) * (0.5 + Math.random() / 2),
    });
    // Without a listener ioredis would print each error, and an 'error' event would end the process.
    client.on('error', (error) => this.options.onError?.(error));
    return client;
  }

  private connectSubscriber(): Redis {
    const subscriber = this.connect();
    subscriber.on('message', (name: string, message: string) => {
      for (const handler of this.handlers.get(name) ?? []) handler(message);
    });
    // Also what was asked for while the connection was down; subscribing twice changes nothing.
    subscriber.on('ready', () => {
      const names = [...this.handlers.keys()];
      if (names.length > 0) subscriber.subscribe(...names).catch(() => undefined);
    });
    return subscriber;
  }

  private run(script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.runOn(
      script,
      keys.map((key) => this.prefix + key),
      args,
    );
  }

  private runOn(script: string, names: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.bounded(async () => {
      this.gather();
      try {
        return await this.client.evalsha(shas.get(script) ?? '', names.length, ...names, ...args);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return this.client.eval(script, names.length, ...names, ...args);
      }
    });
  }

  /** What one turn of the event loop asks goes out in one write: under load the writes cost more than the scripts. */
  private gather(): void {
    const { stream, status } = this.client;
    if (status !== 'ready' || stream.writableCorked > 0) return;
    stream.cork();
    setImmediate(() => stream.uncork());
  }

  private async bounded<T>(command: () => Promise<T>): Promise<T> {
    if (this.down) throw new SharedStateUnavailable();
    try {
      return await command();
    } catch (cause) {
      throw new SharedStateUnavailable({ cause });
    }
  }
}

function whole(ms: number): number {
  return Math.max(1, Math.ceil(ms));
}
