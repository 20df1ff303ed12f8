import type { Run } from '#infra/idempotency/claims.js';
import type { IdempotencyStore } from '#infra/idempotency/idempotency-store.js';

/** Where claims and answers are kept. Claiming is atomic over all processes and waits for a twin in flight. */
export type IdempotencyPort = Pick<IdempotencyStore, 'claim' | 'complete' | 'release' | 'giveUp'>;

/** The claim of a request that goes first: its facts are those of its first try. */
export type IdempotencyClaim = Run;
