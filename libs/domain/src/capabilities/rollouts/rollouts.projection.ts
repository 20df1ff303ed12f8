import { defineProjection, type RowOf } from '../../kernel/projection.js';
import type { Recorded } from '../../kernel/events.js';
import type { JsonObject } from '../../kernel/schema.js';
import { withValue, type RolloutState } from './rollouts.decider.js';
import type { RolloutEvent } from './rollouts.events.js';

const columns = { id: 'text', tenant_id: 'text', kill_switches: 'jsonb', percentages: 'jsonb' } as const;

export type RolloutRow = RowOf<typeof columns>;

/** What is switched off or rolled out in part: one row a tenant, `_system` for all; every process holds them in memory. */
export const rolloutRows = defineProjection<RolloutEvent>()({
  table: 'rollouts',
  version: 1,
  columns,
  key: (event) => event.tenantId,
  on: {
    KillSwitchChanged: (event, row = empty(event)) => ({
      ...row,
      kill_switches: withValue(row.kill_switches as JsonObject, event.data.name, event.data.on),
    }),
    CanaryChanged: (event, row = empty(event)) => ({
      ...row,
      percentages: withValue(row.percentages as JsonObject, event.data.name, event.data.percentage),
    }),
  },
});

export function stateOf(row: RolloutRow | undefined): RolloutState | undefined {
  if (row === undefined) return undefined;
  return {
    killSwitches: row.kill_switches as RolloutState['killSwitches'],
    percentages: row.percentages as RolloutState['percentages'],
  };
}

function empty({ tenantId }: Recorded<RolloutEvent>): RolloutRow {
  return { id: tenantId, tenant_id: tenantId, kill_switches: {}, percentages: {} };
}
