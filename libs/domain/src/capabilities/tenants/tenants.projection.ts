import { defineProjection } from '../../kernel/projection.js';
import type { TenantEvent } from './tenants.events.js';

export const tenantRows = defineProjection<TenantEvent>()({
  table: 'tenants',
  version: 1,
  columns: { id: 'text', tenant_id: 'text', name: 'text', created_at: 'timestamptz' },
  key: (event) => event.data.tenantId,
  on: {
    TenantRegistered: (event) => ({
      id: event.data.tenantId,
      tenant_id: event.tenantId,
      name: event.data.name,
      created_at: event.occurredAt,
    }),
  },
});
