import { defineDecider } from '../../kernel/decider.js';
import { defineErrors } from '../../kernel/errors.js';
import type { MaintenanceEvent } from './maintenance.events.js';

export const maintenanceErrors = defineErrors('maintenance', {
  cannotRun: ['validation', 'VALIDATION_ERROR', 'This task is none that can be run; details.available lists those'],
  ofThePlatform: [
    'forbidden',
    'AUTH_FORBIDDEN',
    'What this task removes belongs to no tenant alone: an operator runs it',
  ],
});

export interface RecordRun {
  readonly type: 'RecordRun';
  readonly data: { readonly runId: string; readonly task: string; readonly deletedRows: number };
}

export type MaintenanceState = { readonly status: 'new' | 'recorded' };

/** One stream a run, which is told of when it has ended. */
export const maintenance = defineDecider<RecordRun, MaintenanceEvent, MaintenanceState>({
  category: 'maintenance',
  initial: { status: 'new' },
  decide: ({ data }, { status }) => (status === 'recorded' ? [] : [{ type: 'MaintenanceRun', data }]),
  evolve: () => ({ status: 'recorded' }),
});
