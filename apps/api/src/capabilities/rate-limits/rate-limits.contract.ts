import { limitScopes, routeClasses } from '#domain/capabilities/rate-limits/rate-limits.events.js';
import type { LimitScope, RouteClass } from '#domain/capabilities/rate-limits/rate-limits.events.js';
import { Field } from '#api/http/fields.js';

const MOST = 1_000_000;

export class RateLimit {
  @Field.enum(limitScopes)
  scope!: LimitScope;

  @Field.enum(routeClasses)
  route_class!: RouteClass;

  @Field.number({ does: 'Tokens a second; a request costs one, a run three', min: 0, max: MOST, example: 2.5 })
  rps!: number;

  @Field.integer({ does: 'Most tokens at once', min: 0, max: MOST, example: 10 })
  burst!: number;
}

export class PutRateLimitsRequest {
  @Field.list(() => RateLimit, {
    does: 'All that the caller’s side sets; what is left out follows the ceiling, or the configuration',
    maxItems: limitScopes.length * routeClasses.length,
  })
  limits!: RateLimit[];
}

export class RateLimitView extends RateLimit {
  @Field.number({ does: 'The most that the tenant may set for itself', example: 5 })
  ceiling_rps!: number;

  @Field.integer({ example: 20 })
  ceiling_burst!: number;

  @Field.number({ does: 'What holds for tenants for whom nothing is set', example: 5 })
  configured_rps!: number;

  @Field.integer({ example: 20 })
  configured_burst!: number;

  @Field.enum(['operator', 'tenant'], { does: 'Whose setting is in force; null is the configuration', nullable: true })
  set_by!: 'operator' | 'tenant' | null;
}

export class TenantRateLimitsView {
  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.list(() => RateLimitView)
  limits!: RateLimitView[];
}

export class RateLimitUseView extends RateLimit {
  @Field.integer({ does: 'Tokens that are there now', example: 18 })
  remaining!: number;

  @Field.integer({ does: 'Milliseconds until all of them are there again; null is never', nullable: true })
  full_in_ms!: number | null;
}

export class RateLimitUsesView {
  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.boolean({ does: 'False: no request is limited' })
  enabled!: boolean;

  @Field.boolean({ does: 'The shared counters do not answer: these are of one process alone' })
  degraded!: boolean;

  @Field.list(() => RateLimitUseView)
  limits!: RateLimitUseView[];
}
