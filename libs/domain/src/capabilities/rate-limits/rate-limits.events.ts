import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const limitScopes = ['api_key', 'tenant'] as const;
export const routeClasses = ['run', 'mutation', 'read', 'ops'] as const;

export const rateLimitEvents = defineEvents({
  /** All limits that one side has set from now on, an operator of the platform or the tenant; an empty list sets none. */
  RateLimitsChanged: {
    version: 1,
    data: {
      tenantId: t.string,
      by: t.oneOf('operator', 'tenant'),
      limits: t.array(
        t.object({
          scope: t.oneOf(...limitScopes),
          routeClass: t.oneOf(...routeClasses),
          /** Tokens a second. */
          rps: t.number,
          burst: t.integer,
        }),
      ),
    },
    audit: {
      type: 'rate_limits.changed',
      category: 'quota',
      outcome: 'success',
      resource: ['rate_limits', 'tenantId'],
      shows: ['by', 'limits'],
    },
  },
});

export type RateLimitEvent = EventOf<typeof rateLimitEvents>;
export type LimitScope = (typeof limitScopes)[number];
export type RouteClass = (typeof routeClasses)[number];
export type TenantLimit = RateLimitEvent['data']['limits'][number];
