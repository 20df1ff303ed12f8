import { recorded, specify } from '../../kernel/testing/given.js';
import { foldRow } from '../../kernel/projection.js';
import { maintenance } from './maintenance.decider.js';
import type { MaintenanceEvent } from './maintenance.events.js';
import { maintenanceRows } from './maintenance.projection.js';

const data = { runId: '01900000-0000-7000-8000-000000000001', task: 'prune_idempotency', deletedRows: 3 };
const run: MaintenanceEvent = { type: 'MaintenanceRun', data };

describe('a maintenance run', () => {
  it('is told of once, however often it is recorded', () => {
    specify(maintenance).given().when({ type: 'RecordRun', data }).then(run);
    specify(maintenance).given(run).when({ type: 'RecordRun', data }).thenNothing();
  });

  it('leaves when its task ran last, and what that removed', () => {
    const first = foldRow(maintenanceRows, recorded(run), undefined);
    const later = recorded<MaintenanceEvent>(
      { type: 'MaintenanceRun', data: { ...data, deletedRows: 0 } },
      { occurredAt: '2026-02-01T00:00:00.000Z' },
    );
    expect(foldRow(maintenanceRows, later, first)).toEqual({
      id: 'prune_idempotency',
      tenant_id: 't1',
      last_run_at: '2026-02-01T00:00:00.000Z',
      deleted_rows: 0,
    });
  });
});
