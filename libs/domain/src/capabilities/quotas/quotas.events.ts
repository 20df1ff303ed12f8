import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const resource = ['quota', 'tenantId'] as const;
const limit = t.nullable(t.integer);

/** A cap that was reached, and by which event: once a tenant, metric and period. */
const reached = {
  tenantId: t.string,
  period: t.oneOf('day', 'month'),
  /** The first day of the period, `YYYY-MM-DD` in UTC. */
  start: t.string,
  metric: t.oneOf('requests', 'tokens'),
  used: t.integer,
  limit: t.integer,
  /** Of the same metric, in both periods as they were then; a null limit is unlimited. */
  dayUsed: t.integer,
  dayLimit: limit,
  monthUsed: t.integer,
  monthLimit: limit,
  softCapRatio: t.number,
  hardCap: t.boolean,
} as const;
const reachedShown = ['period', 'start', 'metric', 'used', 'limit', 'softCapRatio'] as const;

export const quotaEvents = defineEvents({
  /** All six values as they are from now on; null is unlimited. */
  QuotaChanged: {
    version: 1,
    data: {
      tenantId: t.string,
      dailyRequests: limit,
      monthlyRequests: limit,
      dailyTokens: limit,
      monthlyTokens: limit,
      softCapRatio: t.number,
      hardCap: t.boolean,
    },
    audit: {
      type: 'quota.updated',
      category: 'quota',
      outcome: 'success',
      resource,
      shows: ['dailyRequests', 'monthlyRequests', 'dailyTokens', 'monthlyTokens', 'softCapRatio', 'hardCap'],
    },
  },
  QuotaSoftCapReached: {
    version: 1,
    data: reached,
    audit: { type: 'quota.soft_cap_reached', category: 'quota', outcome: 'success', resource, shows: reachedShown },
  },
  QuotaHardCapReached: {
    version: 1,
    data: reached,
    audit: { type: 'quota.hard_cap_reached', category: 'quota', outcome: 'failure', resource, shows: reachedShown },
  },
});

export type QuotaEvent = EventOf<typeof quotaEvents>;
