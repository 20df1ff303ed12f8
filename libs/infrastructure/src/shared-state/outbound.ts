import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { Admission, BreakerKey, CircuitBreaker } from './circuit-breaker.js';

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
  /** Most calls under way per integration and process; 32 by default. */
  readonly concurrency?: number;
  /** Most callers waiting for a place; 128 by default. */
  readonly queue?: number;
}

export interface OutboundCall extends BreakerKey {
  /** True when the failure may pass by itself and the call may be repeated; nothing is retried by default. */
  readonly retryable?: (error: unknown) => boolean;
  /** True when the failure says that the service is ill; every failure does by default. */
  readonly counts?: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
  readonly options?: OutboundOptions;
}

const retryBudget = { largest: 10, perCall: 0.1 };
const longestPauseMs = 5_000;

interface Lane {
  running: number;
  /** Retries that may still be spent: each first attempt earns a tenth of one. */
  budget: number;
  readonly waiting: (() => void)[];
}

/** The one way out: every call to another service has a timeout, a retry budget with jitter, a breaker and a bulkhead. */
export class Outbound {
  private readonly lanes = new Map<string, Lane>();
  private readonly defaults: Required<OutboundOptions>;

  constructor(
    private readonly breaker: CircuitBreaker,
    options: OutboundOptions = {},
    private readonly random: () => number = Math.random,
  ) {
    this.defaults = { timeoutMs: 10_000, attempts: 3, pauseMs: 100, concurrency: 32, queue: 128, ...options };
  }

  /**
   * Runs `work`, which must stop when its signal aborts. Throws what it threw, the caller's abort reason, or a
   * CatalogueError of `outboundErrors`.
   */
  async call<T>(call: OutboundCall, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const options = { ...this.defaults, ...call.options };
    const lane = this.lane(call.integration);
    lane.budget = Math.min(retryBudget.largest, lane.budget + retryBudget.perCall);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.attempt(call, options, lane, work);
      } catch (error) {
        if (!this.mayRetry(call, options, lane, attempt, error)) throw error;
        lane.budget -= 1;
        await this.pause(Math.min(longestPauseMs, options.pauseMs * 2 ** (attempt - 1)), call.signal);
      }
    }
  }

  private async attempt<T>(
    call: OutboundCall,
    options: Required<OutboundOptions>,
    lane: Lane,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    call.signal?.throwIfAborted();
    await this.enter(lane, options, call);
    try {
      const admission = await this.breaker.admit(call);
      if (!admission.allowed) {
        const { retryAfterMs } = admission;
        throw new CatalogueError(outboundErrors.open, { integration: call.integration, retryAfterMs });
      }
      return await this.admitted(call, options.timeoutMs, admission, work);
    } finally {
      this.leave(lane);
    }
  }

  private async admitted<T>(
    call: OutboundCall,
    timeoutMs: number,
    admission: Admission,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      const value = await withTimeout(call, timeoutMs, work);
      await this.breaker.succeeded(call, admission);
      return value;
    } catch (error) {
      const callerLeft = call.signal?.aborted === true;
      if (!callerLeft && (call.counts?.(error) ?? true)) await this.breaker.failed(call, admission);
      // An answer such as "bad request" proves that the service lives.
      else if (!callerLeft) await this.breaker.succeeded(call, admission);
      throw error;
    }
  }

  private mayRetry(
    call: OutboundCall,
    options: Required<OutboundOptions>,
    lane: Lane,
    attempt: number,
    error: unknown,
  ): boolean {
    if (attempt >= options.attempts || lane.budget < 1 || call.signal?.aborted === true) return false;
    if (error instanceof CatalogueError && error.row !== outboundErrors.timedOut) return false;
    return call.retryable?.(error) ?? false;
  }

  private async enter(lane: Lane, options: Required<OutboundOptions>, call: OutboundCall): Promise<void> {
    if (lane.running < options.concurrency) {
      lane.running += 1;
      return;
    }
    const full = (): CatalogueError => new CatalogueError(outboundErrors.full, { integration: call.integration });
    if (lane.waiting.length >= options.queue) throw full();
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        lane.waiting.splice(lane.waiting.indexOf(enter), 1);
        reject(full());
      }, options.timeoutMs);
      lane.waiting.push(enter);
    });
  }

  // The place goes straight to the next in line, so `running` stays as it is.
  private leave(lane: Lane): void {
    const next = lane.waiting.shift();
    if (next === undefined) lane.running -= 1;
    else next();
  }

  private lane(integration: string): Lane {
    const known = this.lanes.get(integration);
    if (known !== undefined) return known;
    const lane: Lane = { running: 0, budget: retryBudget.largest, waiting: [] };
    this.lanes.set(integration, lane);
    return lane;
  }

  private async pause(longestMs: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, this.random() * longestMs);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }
}

async function withTimeout<T>(
  call: OutboundCall,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const signal = call.signal === undefined ? own.signal : AbortSignal.any([own.signal, call.signal]);
  // Work that ignores its signal must not hold the caller either.
  const stopped = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => stopped.reject(signal.reason as Error), { once: true });
  const timedOut = new CatalogueError(outboundErrors.timedOut, { integration: call.integration, timeoutMs });
  const timer = setTimeout(() => own.abort(timedOut), timeoutMs);
  try {
    return await Promise.race([(async () => work(signal))(), stopped.promise]);
  } catch (error) {
    throw own.signal.aborted ? timedOut : error;
  } finally {
    clearTimeout(timer);
  }
}
