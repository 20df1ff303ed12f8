import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { Admission, BreakerKey, BreakerState, CircuitBreaker } from './circuit-breaker.js';
import { Deadline } from './deadline.js';
import { streamParts, type Seen, type StreamDeadlines } from './stream-parts.js';
import { FairSlots, SlotsTaken, type Slot } from './fair-slots.js';
import { kindOf, OutboundSignals } from './outbound-signals.js';

export const outboundErrors = defineErrors('outbound', {
  timedOut: ['unavailable', 'INTEGRATION_TIMEOUT', 'A service that this request needs did not answer in time'],
  open: ['unavailable', 'INTEGRATION_UNAVAILABLE', 'A service that this request needs is failing; try again later'],
  full: ['unavailable', 'INTEGRATION_BUSY', 'Too many calls to a service that this request needs are under way'],
});

export interface OutboundOptions {
  /** Longest time of one attempt in ms; 10 s by default. */
  readonly timeoutMs?: number;
  /** Attempts in all; 3 by default. Only failures that `retryable` names are tried again. */
  readonly attempts?: number;
  /** First pause in ms, doubled each time, of which a random part is waited; 100 by default, never above 5 s. */
  readonly pauseMs?: number;
  /** Most calls under way per integration and process, of which one tenant gets at most four fifths; 32 by default. */
  readonly concurrency?: number;
  /** Most callers of one tenant waiting for a place; 128 by default. */
  readonly queue?: number;
}

export interface OutboundCall extends BreakerKey {
  /** True when the failure may pass by itself and the call may be repeated; nothing is retried by default. */
  readonly retryable?: (error: unknown) => boolean;
  /** True when the failure says that the service is ill; every failure does by default. */
  readonly counts?: (error: unknown) => boolean;
  /** Ms that the service asks to be left alone for; a call that has no time for that is not repeated. */
  readonly retryAfterMs?: (error: unknown) => number | undefined;
  readonly signal?: AbortSignal;
  readonly options?: OutboundOptions;
}

const retryBudget = { largest: 10, perCall: 0.1 };
const longestPauseMs = 5_000;

interface Lane {
  /** Retries that may still be spent: each first attempt earns a tenth of one. */
  budget: number;
  readonly slots: FairSlots;
}

/** One attempt's place and admission; it is ended once, whoever ends it first. */
interface Attempt {
  readonly admission: Admission;
  readonly slot: Slot;
}

/** The one way out: every call to another service has a timeout, a retry budget with jitter, a breaker and a bulkhead. */
export class Outbound {
  private readonly lanes = new Map<string, Lane>();
  private readonly defaults: Required<OutboundOptions>;

  constructor(
    private readonly breaker: CircuitBreaker,
    options: OutboundOptions = {},
    private readonly random: () => number = Math.random,
    /** Counts for the metrics. */
    readonly signals: OutboundSignals = new OutboundSignals(),
  ) {
    this.defaults = { timeoutMs: 10_000, attempts: 3, pauseMs: 100, concurrency: 32, queue: 128, ...options };
  }

  /** The state of the breakers by integration, the worst of all tenants; every integration that was ever called has one. */
  breakers(): ReadonlyMap<string, BreakerState> {
    const worst = this.breaker.worst();
    return new Map([...this.lanes.keys(), ...worst.keys()].map((name) => [name, worst.get(name) ?? 'closed']));
  }

  /** Calls under way to an integration. */
  inFlight(integration: string): number {
    return this.lanes.get(integration)?.slots.taken ?? 0;
  }

  /**
   * Runs `work`, which must stop when its signal aborts. Throws what it threw, the caller's abort reason, or a
   * CatalogueError of `outboundErrors`.
   */
  async call<T>(call: OutboundCall, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const options = { ...this.defaults, ...call.options };
    const lane = this.lane(call.integration, options);
    for (let tried = 1; ; tried += 1) {
      const attempt = await this.begin(call, options.timeoutMs, lane);
      const deadline = new Deadline(call.signal);
      try {
        const late = timedOut(call, 'answer', options.timeoutMs);
        const value = await deadline.within(options.timeoutMs, late, async () => work(deadline.signal));
        // What it gave may still be read from.
        deadline.done();
        await this.breaker.succeeded(call, attempt.admission);
        return value;
      } catch (error) {
        deadline.end();
        await this.failed(call, attempt.admission, error);
        const pauseMs = this.pauseBefore(call, options, lane, tried, error);
        if (pauseMs === undefined) throw error;
        attempt.slot.release();
        await this.again(call, lane, pauseMs);
      } finally {
        attempt.slot.release();
      }
    }
  }

  /**
   * Runs `work`, whose parts are passed on as they come, each within its deadline. Before its first part it may be repeated
   * like a call; after that never. Whoever stops reading, or is too slow for the whole, ends it: the signal aborts, and
   * the place is free again.
   */
  async *stream<T>(
    call: OutboundCall,
    deadlines: StreamDeadlines,
    work: (signal: AbortSignal) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    const options = { ...this.defaults, ...call.options, timeoutMs: deadlines.firstMs };
    const lane = this.lane(call.integration, options);
    const firstBy = performance.now() + deadlines.firstMs;
    for (let tried = 1; ; tried += 1) {
      const attempt = await this.begin(call, firstBy - performance.now(), lane);
      const deadline = new Deadline(call.signal, () => attempt.slot.release());
      deadline.limit(deadlines.totalMs, timedOut(call, 'whole', deadlines.totalMs));
      const seen: Seen = { parts: 0, outcome: 'left' };
      try {
        const source = work(deadline.signal)[Symbol.asyncIterator]();
        const late = (waitedFor: string, ms: number): CatalogueError => timedOut(call, waitedFor, ms);
        yield* streamParts(source, { ...deadlines, firstBy, late }, deadline, seen);
        return;
      } catch (error) {
        await this.failed(call, attempt.admission, error);
        const pauseMs = seen.parts > 0 ? undefined : this.pauseBefore(call, options, lane, tried, error);
        if (pauseMs === undefined || performance.now() + pauseMs > firstBy) throw error;
        attempt.slot.release();
        await this.again(call, lane, pauseMs);
      } finally {
        deadline.end();
        attempt.slot.release();
        await this.told(call, attempt.admission, seen);
      }
    }
  }

  private async told(call: OutboundCall, admission: Admission, { parts: came, outcome }: Seen): Promise<void> {
    if (outcome === 'succeeded' || (outcome === 'left' && came > 0)) await this.breaker.succeeded(call, admission);
    else if (outcome === 'left') await this.breaker.left(call, admission);
  }

  /** A place and an admission, or neither. */
  private async begin(call: OutboundCall, waitMs: number, { slots }: Lane): Promise<Attempt> {
    const slot = await slots
      .acquire(call.tenantId, { signal: call.signal, waitMs: Math.max(0, waitMs) })
      .catch((error: unknown): never => {
        if (!(error instanceof SlotsTaken)) throw error;
        this.signals.refused(call.integration, 'busy');
        throw new CatalogueError(outboundErrors.full, { integration: kindOf(call.integration) });
      });
    try {
      const admission = await this.breaker.admit(call);
      if (admission.allowed) return { admission, slot };
      this.signals.refused(call.integration, 'open');
      const retry_after_ms = Math.ceil(admission.retryAfterMs);
      throw new CatalogueError(outboundErrors.open, { integration: kindOf(call.integration), retry_after_ms });
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  private async failed(call: OutboundCall, admission: Admission, error: unknown): Promise<void> {
    if (call.signal?.aborted === true) await this.breaker.left(call, admission);
    else if (call.counts?.(error) ?? true) await this.breaker.failed(call, admission, nameOf(error));
    // An answer such as "bad request" proves that the service lives.
    else await this.breaker.succeeded(call, admission);
  }

  /** How long to wait before the next attempt; undefined when there is none. */
  private pauseBefore(
    call: OutboundCall,
    options: Required<OutboundOptions>,
    lane: Lane,
    tried: number,
    error: unknown,
  ): number | undefined {
    if (tried >= options.attempts || lane.budget < 1 || !mayPass(call, error)) return undefined;
    const asked = call.retryAfterMs?.(error) ?? 0;
    if (asked > Math.min(longestPauseMs, options.timeoutMs)) return undefined;
    return Math.max(asked, this.random() * Math.min(longestPauseMs, options.pauseMs * 2 ** (tried - 1)));
  }

  private async again(call: OutboundCall, lane: Lane, pauseMs: number): Promise<void> {
    lane.budget -= 1;
    this.signals.retried(call.integration);
    await pause(pauseMs, call.signal);
  }

  private lane(integration: string, { concurrency: capacity, queue, timeoutMs }: Required<OutboundOptions>): Lane {
    let lane = this.lanes.get(integration);
    if (lane === undefined) {
      lane = { budget: retryBudget.largest, slots: new FairSlots({ capacity, queue, waitMs: timeoutMs }) };
      this.lanes.set(integration, lane);
    }
    lane.budget = Math.min(retryBudget.largest, lane.budget + retryBudget.perCall);
    return lane;
  }
}

function mayPass({ signal, retryable }: OutboundCall, error: unknown): boolean {
  if (signal?.aborted === true) return false;
  if (error instanceof CatalogueError && error.row !== outboundErrors.timedOut) return false;
  return retryable?.(error) ?? false;
}

/** A code or the name of a class; texts of errors may hold anything. */
function nameOf(error: unknown): string | null {
  const name = error instanceof CatalogueError ? error.row.code : error instanceof Error ? error.name : '';
  return /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name) ? name : null;
}

/** What callers may see: hosts and projects are the operator's. */
function timedOut({ integration }: OutboundCall, waitedFor: string, timeoutMs: number): CatalogueError {
  const details = { integration: kindOf(integration), timeout_ms: timeoutMs, waited_for: waitedFor };
  return new CatalogueError(outboundErrors.timedOut, details);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
