import type { Limit } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import type { LimitScope, RouteClass } from '#domain/capabilities/rate-limits/rate-limits.events.js';
import type { Principal } from '#api/http/principal.js';
import type { Bucket, TakeResult } from '#infra/shared-state/shared-state.js';

/** What one bucket holds now. */
export interface BucketLevel extends Limit {
  readonly scope: LimitScope;
  readonly routeClass: RouteClass;
  readonly level: TakeResult;
}

/** Tokens and quota units of one request of a class. */
export const costOf = (rateClass: RouteClass): number => (rateClass === 'run' ? 3 : 1);

/** The bucket of a key, or of all keys of a tenant, for one class. */
export const bucketOf = (
  scope: LimitScope,
  { tenantId, apiKeyId }: Principal,
  routeClass: RouteClass,
  limit: Limit,
): Bucket => ({
  key: scope === 'tenant' ? `tenant:${tenantId}:${routeClass}` : `key:${tenantId}:${apiKeyId}:${routeClass}`,
  ratePerSecond: limit.rps,
  burst: limit.burst,
});
