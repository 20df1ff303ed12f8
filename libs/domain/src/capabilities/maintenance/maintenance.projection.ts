import { defineProjection } from '../../kernel/projection.js';
import type { MaintenanceEvent } from './maintenance.events.js';

/** The last run of each task, of each tenant and of `_system`. */
export const maintenanceRows = defineProjection<MaintenanceEvent>()({
  table: 'maintenance_tasks',
  version: 1,
  columns: { id: 'text', tenant_id: 'text', last_run_at: 'timestamptz', deleted_rows: 'double precision' },
  key: (event) => event.data.task,
  on: {
    MaintenanceRun: (event) => ({
      id: event.data.task,
      tenant_id: event.tenantId,
      last_run_at: event.occurredAt,
      deleted_rows: event.data.deletedRows,
    }),
  },
});
