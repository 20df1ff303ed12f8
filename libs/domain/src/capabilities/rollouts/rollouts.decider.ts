import { defineDecider, type Decision } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import { canaries, killSwitches, type Canary, type KillSwitch, type RolloutEvent } from './rollouts.events.js';

export const rolloutErrors = defineErrors('rollouts', {
  nothingKnown: ['validation', 'VALIDATION_ERROR', 'None of these names is one that can be changed'],
  disabled: ['unavailable', 'FEATURE_TEMPORARILY_DISABLED', 'This is switched off for now; try again later'],
});

/** By name; null: the default again. Names that nobody knows are left out. */
export interface ChangeKillSwitches {
  readonly type: 'ChangeKillSwitches';
  readonly data: { readonly killSwitches: Readonly<Record<string, boolean | null>> };
}

/** By name, in whole per cent; what is beyond 0 and 100 counts as these. */
export interface ChangeCanaries {
  readonly type: 'ChangeCanaries';
  readonly data: { readonly percentages: Readonly<Record<string, number | null>> };
}

export type RolloutCommand = ChangeKillSwitches | ChangeCanaries;

/** What was set, of one tenant or of all; what is absent follows the default. */
export interface RolloutState {
  readonly killSwitches: Readonly<Partial<Record<KillSwitch, boolean>>>;
  readonly percentages: Readonly<Partial<Record<Canary, number>>>;
}

/** The id of a tenant's one rollout stream; the platform's is that of `_system`. */
export const ROLLOUT_STREAM_ID = 'all';

export const rollouts = defineDecider<RolloutCommand, RolloutEvent, RolloutState>({
  category: 'rollouts',
  initial: { killSwitches: {}, percentages: {} },
  decide: (command, state) => {
    switch (command.type) {
      case 'ChangeKillSwitches':
        return changeSwitches(command, state);
      case 'ChangeCanaries':
        return changeCanaries(command, state);
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'KillSwitchChanged':
        return { ...state, killSwitches: withValue(state.killSwitches, event.data.name, event.data.on) };
      case 'CanaryChanged':
        return { ...state, percentages: withValue(state.percentages, event.data.name, event.data.percentage) };
    }
  },
});

/** The same values with one set, or with one less where it is null. */
export function withValue<T>(values: Readonly<Record<string, T>>, name: string, value: T | null): Record<string, T> {
  const others = Object.entries(values).filter(([key]) => key !== name);
  return Object.fromEntries(value === null ? others : [...others, [name, value]]);
}

function changeSwitches({ data }: ChangeKillSwitches, state: RolloutState): Decision<RolloutEvent> {
  const known = killSwitches.filter((name) => Object.hasOwn(data.killSwitches, name));
  if (known.length === 0) return refuse(rolloutErrors.nothingKnown, { known: killSwitches });
  return known.flatMap((name) => {
    const on = data.killSwitches[name] ?? null;
    return on === (state.killSwitches[name] ?? null) ? [] : [{ type: 'KillSwitchChanged', data: { name, on } }];
  });
}

function changeCanaries({ data }: ChangeCanaries, state: RolloutState): Decision<RolloutEvent> {
  const known = canaries.filter((name) => Object.hasOwn(data.percentages, name));
  if (known.length === 0) return refuse(rolloutErrors.nothingKnown, { known: canaries });
  return known.flatMap((name) => {
    const asked = data.percentages[name] ?? null;
    const percentage = asked === null ? null : Math.min(100, Math.max(0, Math.round(asked)));
    const same = percentage === (state.percentages[name] ?? null);
    return same ? [] : [{ type: 'CanaryChanged', data: { name, percentage } }];
  });
}
