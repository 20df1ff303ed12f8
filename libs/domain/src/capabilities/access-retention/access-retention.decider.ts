import { defineDecider } from '../../kernel/decider.js';
import type { AccessRetentionEvent } from './access-retention.events.js';
import type { AccessLogCutPlan } from './access-retention.ports.js';

export interface CutAccessLog {
  readonly type: 'CutAccessLog';
  readonly data: AccessLogCutPlan;
}

/** The last position that was cut off; null while the log is whole. */
export interface AccessRetentionState {
  readonly position: string | null;
}

/** The id of the one stream of its kind. */
export const ACCESS_LOG_STREAM = '8c0a52a6-51f4-5c6e-9d0e-0c7d1f4b6a11';

/** That the beginning of the access log is gone is history too; a cut never moves back. */
export const accessRetention = defineDecider<CutAccessLog, AccessRetentionEvent, AccessRetentionState>({
  category: 'accessRetention',
  initial: { position: null },
  decide: ({ data }, { position }) =>
    position !== null && data.position <= position ? [] : [{ type: 'AccessLogCut', data: { log: 'access', ...data } }],
  evolve: (_, event) => ({ position: event.data.position }),
});
