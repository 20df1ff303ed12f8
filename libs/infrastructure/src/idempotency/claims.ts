import { hash } from 'node:crypto';
import type { Facts } from '#domain/kernel/decider.js';

/** What makes a key unique: the same key of another actor, method or path is another request. */
export interface IdempotencyScope {
  readonly tenantId: string;
  readonly actorId: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
}

export interface StoredResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, or null for no body. */
  readonly body: unknown;
}

/** The caller must execute, with these facts: its own, or those of the run that it takes over. */
export interface Run {
  readonly state: 'run';
  readonly claimId: string;
  readonly facts: Facts;
  /** True when an earlier run with these facts may have taken effect already. */
  readonly takenOver: boolean;
}

export type Claim =
  | Run
  | ({ readonly state: 'replay' } & StoredResponse)
  /** The key was used with another request. */
  | { readonly state: 'conflict' }
  /** Its twin is still running after the longest wait. */
  | { readonly state: 'busy' };

export interface IdempotencyOptions {
  /** How long a response is replayed; 24 hours by default. */
  readonly ttlMs?: number;
  /** After this long without a renewal the owner counts as dead; 30 s by default. */
  readonly leaseMs?: number;
  /** Longest wait for a twin in flight; 10 s by default. */
  readonly waitMs?: number;
  /** Longest time that one claim is kept alive by this process; 15 minutes by default. */
  readonly longestRunMs?: number;
}

/** The scope as stored: hex SHA-256, so that paths and keys of any length fit the index. */
export function scopeName(scope: IdempotencyScope): string {
  const parts = [scope.tenantId, scope.actorId, scope.method, scope.path, scope.key];
  return hash('sha256', JSON.stringify(parts), 'hex');
}
