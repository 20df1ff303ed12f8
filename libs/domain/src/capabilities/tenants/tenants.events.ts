import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const tenantEvents = defineEvents({
  TenantRegistered: {
    version: 1,
    data: { tenantId: t.string, name: t.string },
    audit: { type: 'tenant.registered', category: 'system', outcome: 'success', resource: ['tenant', 'tenantId'] },
  },
});

export type TenantEvent = EventOf<typeof tenantEvents>;
