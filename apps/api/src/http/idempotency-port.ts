import type { Facts } from '#domain/kernel/decider.js';

/** Whose key it is: another tenant, actor, method or path is another key. */
export interface IdempotencyScope {
  readonly tenantId: string;
  readonly actorId: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
}

/** An answer as it was sent, so that a replay is equal to the byte. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * `run`: this request goes first and decides with `facts` (those of an earlier try that died, if there was one);
 * `replay`: an answer is stored; `conflict`: the key was used with another request; `busy`: the first is still running.
 */
export type ClaimVerdict =
  | { readonly verdict: 'run'; readonly token: string; readonly facts: Facts }
  | { readonly verdict: 'replay'; readonly answer: StoredAnswer }
  | { readonly verdict: 'conflict' }
  | { readonly verdict: 'busy' };

/** Where claims and answers are kept; claiming is atomic over all processes. */
export interface IdempotencyPort {
  claim(scope: IdempotencyScope, fingerprint: string, facts: Facts): Promise<ClaimVerdict>;
  complete(scope: IdempotencyScope, token: string, answer: StoredAnswer): Promise<void>;
  release(scope: IdempotencyScope, token: string): Promise<void>;
}

/** The claim of a request that goes first. */
export interface IdempotencyClaim {
  readonly scope: IdempotencyScope;
  readonly token: string;
  readonly facts: Facts;
}
