import { defineProjection } from '../../kernel/projection.js';
import type { QuotaEvent } from './quotas.events.js';

/** One row for each tenant whose quota was set or met; the id is the tenant's. */
export const quotaRows = defineProjection<QuotaEvent>()({
  table: 'quotas',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    daily_requests: 'integer?',
    monthly_requests: 'integer?',
    daily_tokens: 'integer?',
    monthly_tokens: 'integer?',
    soft_cap_ratio: 'double precision',
    hard_cap: 'boolean',
    updated_at: 'timestamptz',
  },
  key: (event) => event.data.tenantId,
  on: {
    QuotaChanged: (event) => ({
      id: event.data.tenantId,
      tenant_id: event.tenantId,
      daily_requests: event.data.dailyRequests,
      monthly_requests: event.data.monthlyRequests,
      daily_tokens: event.data.dailyTokens,
      monthly_tokens: event.data.monthlyTokens,
      soft_cap_ratio: event.data.softCapRatio,
      hard_cap: event.data.hardCap,
      updated_at: event.occurredAt,
    }),
  },
});
