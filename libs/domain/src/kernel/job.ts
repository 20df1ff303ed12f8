import type { JsonObject } from './schema.js';

/** One attempt of a job, as its handler sees it. */
export interface JobAttempt<D extends JsonObject = JsonObject> {
  /** Stable over retries; a job's command id is its job id. */
  readonly id: string;
  readonly data: D;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly lastAttempt: boolean;
  /** When it began, as an instant of ISO 8601. */
  readonly startedAt: string;
  readonly signal: AbortSignal;
  /** Calls `then` once the attempt has lasted for so many milliseconds, unless it ends before. */
  readonly whenLasting: (ms: number, then: () => void) => void;
}

/** Thrown by a handler to be tried again, not before so many seconds have passed. The attempt counts. */
export class RetryLater extends Error {
  constructor(
    message: string,
    readonly afterSeconds: number,
  ) {
    super(message);
    this.name = 'RetryLater';
  }
}

/** Thrown by a handler that may not do its work now: it is tried again after so many seconds, and the attempt does not count. */
export class Postponed extends Error {
  constructor(
    message: string,
    readonly afterSeconds: number,
  ) {
    super(message);
    this.name = 'Postponed';
  }
}

/** A job type: its queue, its budget and its handler, which reaches the world only through the ports `P`. */
export interface Job<D extends JsonObject = JsonObject, P = unknown> {
  readonly name: string;
  /** Retries after the first attempt; backoff is exponential with jitter from `retryDelaySeconds`. */
  readonly retryLimit: number;
  readonly retryDelaySeconds: number;
  /** An attempt that runs longer is aborted and counts as failed. */
  readonly timeoutSeconds: number;
  readonly concurrency: number;
  /** The configured budget that replaces `concurrency` and `retryLimit`. */
  readonly budget?: 'ingest';
  /** How many share a place of the budget; 1 by default. */
  readonly perPlace?: number;
  /** Whether tenants take turns, by the `tenantId` of its data: many jobs of one do not hold up another's one. */
  readonly fair?: boolean;
  /** Five-field cron in UTC, for jobs that run by the clock. */
  readonly cron?: string;
  readonly handle: (attempt: JobAttempt<D>, ports: P) => Promise<void>;
}

// Registries hold jobs of every type; bivariance is wanted there and only there.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyJob = Job<any, any>;

export function defineJob<D extends JsonObject, P>(job: Job<D, P>): Job<D, P> {
  return job;
}
