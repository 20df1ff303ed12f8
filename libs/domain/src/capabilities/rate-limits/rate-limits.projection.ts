import { defineProjection, type RowOf } from '../../kernel/projection.js';
import type { RateLimitEvent } from './rate-limits.events.js';

/** What was set for a tenant, one row each; its id is the tenant's. */
export const rateLimitRows = defineProjection<RateLimitEvent>()({
  table: 'rate_limits',
  version: 1,
  columns: { id: 'text', tenant_id: 'text', operator: 'jsonb', tenant: 'jsonb', changed_at: 'timestamptz' },
  key: (event) => event.tenantId,
  on: {
    RateLimitsChanged: ({ data, tenantId, occurredAt }, row) => ({
      ...{ id: tenantId, tenant_id: tenantId, operator: row?.operator ?? [], tenant: row?.tenant ?? [] },
      [data.by]: data.limits,
      changed_at: occurredAt,
    }),
  },
});

export type RateLimitRow = RowOf<typeof rateLimitRows.columns>;
