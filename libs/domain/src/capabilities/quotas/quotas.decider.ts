import { defineDecider, type Decision } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import type { QuotaEvent } from './quotas.events.js';

export const quotaErrors = defineErrors('quotas', {
  invalidLimit: ['validation', 'QUOTA_LIMIT_INVALID', 'A limit is a whole number from 0 to 2147483647, or null'],
  invalidRatio: ['validation', 'QUOTA_RATIO_INVALID', 'The soft cap ratio is a number from 0 to 1'],
});

type DataOf<T extends QuotaEvent['type']> = Extract<QuotaEvent, { type: T }>['data'];

/** The six values of a quota. A null limit is unlimited. */
export type Quota = Omit<DataOf<'QuotaChanged'>, 'tenantId'>;

/** What a tenant has whose quota nobody has set. */
export const DEFAULT_QUOTA: Quota = {
  dailyRequests: null,
  monthlyRequests: null,
  dailyTokens: null,
  monthlyTokens: null,
  softCapRatio: 0.8,
  hardCap: true,
};

/** The largest limit that can be set. */
export const MAX_LIMIT = 2_147_483_647;

/** Absent fields stay as they are; a null limit is cleared. */
export interface ChangeQuota {
  readonly type: 'ChangeQuota';
  readonly data: Partial<Quota>;
}

export interface NoteCapReached {
  readonly type: 'NoteCapReached';
  readonly data: Omit<DataOf<'QuotaSoftCapReached'>, 'tenantId' | 'softCapRatio' | 'hardCap'> & {
    readonly cap: 'soft' | 'hard';
  };
}

export type QuotaCommand = ChangeQuota | NoteCapReached;

export interface QuotaState {
  readonly quota: Quota;
  /** The newest period in which each cap was reached: its first day by `cap/metric/period`. */
  readonly reached: Readonly<Record<string, string>>;
}

/** The one quota stream of a tenant. */
export const QUOTA_STREAM_ID = 'quota';

/** One stream a tenant: it holds the limits, and the caps that were reached under them. */
export const quotas = defineDecider<QuotaCommand, QuotaEvent, QuotaState>({
  category: 'quotas',
  initial: { quota: DEFAULT_QUOTA, reached: {} },
  decide: (command, state, { tenantId }) => {
    switch (command.type) {
      case 'ChangeQuota':
        return change(command.data, state.quota, tenantId);
      case 'NoteCapReached':
        return note(command.data, state, tenantId);
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'QuotaChanged': {
        const { tenantId: _, ...quota } = event.data;
        return { ...state, quota };
      }
      case 'QuotaSoftCapReached':
        return mark(state, 'soft', event.data);
      case 'QuotaHardCapReached':
        return mark(state, 'hard', event.data);
    }
  },
});

const LIMITS = ['dailyRequests', 'monthlyRequests', 'dailyTokens', 'monthlyTokens'] as const;

function change(asked: Partial<Quota>, before: Quota, tenantId: string): Decision<QuotaEvent> {
  const after = { ...before, ...asked };
  const isLimit = (value: number | null): boolean =>
    value === null || (Number.isInteger(value) && value >= 0 && value <= MAX_LIMIT);
  if (!LIMITS.every((name) => isLimit(after[name]))) return refuse(quotaErrors.invalidLimit);
  if (!(after.softCapRatio >= 0 && after.softCapRatio <= 1)) return refuse(quotaErrors.invalidRatio);
  const same = (Object.keys(after) as (keyof Quota)[]).every((name) => after[name] === before[name]);
  return same ? [] : [{ type: 'QuotaChanged', data: { tenantId, ...after } }];
}

type CapPlace = Pick<DataOf<'QuotaSoftCapReached'>, 'metric' | 'period' | 'start'>;

const placeOf = (cap: 'soft' | 'hard', { metric, period }: CapPlace): string => `${cap}/${metric}/${period}`;

/** Once a period; a process whose clock is behind does not bring an older one back. */
function note(
  { cap, ...data }: NoteCapReached['data'],
  { quota, reached }: QuotaState,
  tenantId: string,
): Decision<QuotaEvent> {
  if (data.start <= (reached[placeOf(cap, data)] ?? '')) return [];
  const { softCapRatio, hardCap } = quota;
  const type = cap === 'soft' ? 'QuotaSoftCapReached' : 'QuotaHardCapReached';
  return [{ type, data: { tenantId, ...data, softCapRatio, hardCap } }];
}

function mark(state: QuotaState, cap: 'soft' | 'hard', place: CapPlace): QuotaState {
  return { ...state, reached: { ...state.reached, [placeOf(cap, place)]: place.start } };
}
