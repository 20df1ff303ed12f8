import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const maintenanceEvents = defineEvents({
  /** In `_system` for a run over all tenants, else in the tenant whose rows it removed. */
  MaintenanceRun: {
    version: 1,
    data: { runId: t.uuid, task: t.string, deletedRows: t.integer },
    audit: {
      type: 'maintenance.run',
      category: 'ops',
      outcome: 'success',
      resource: ['maintenance_run', 'runId'],
      shows: ['task', 'deletedRows'],
    },
  },
});

export type MaintenanceEvent = EventOf<typeof maintenanceEvents>;
