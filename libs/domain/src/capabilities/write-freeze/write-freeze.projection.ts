import { defineProjection, type RowOf } from '../../kernel/projection.js';
import type { Recorded } from '../../kernel/events.js';
import { WRITE_FREEZE_STREAM } from './write-freeze.decider.js';
import type { WriteFreezeEvent } from './write-freeze.events.js';

export const writeFreezeRows = defineProjection<WriteFreezeEvent>()({
  table: 'write_freeze',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    frozen: 'boolean',
    reason: 'text?',
    changed_at: 'timestamptz',
    changed_by: 'text?',
  },
  key: () => WRITE_FREEZE_STREAM,
  on: {
    WritesFrozen: (event) => rowOf(event, true),
    WritesThawed: (event) => rowOf(event, false),
  },
});

export type WriteFreezeRow = RowOf<typeof writeFreezeRows.columns>;

function rowOf(event: Recorded<WriteFreezeEvent>, frozen: boolean) {
  return {
    id: WRITE_FREEZE_STREAM,
    tenant_id: event.tenantId,
    frozen,
    reason: event.data.reason,
    changed_at: event.occurredAt,
    changed_by: event.metadata.actor.id,
  };
}
