import { fold } from '../../kernel/decider.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { foldRow } from '../../kernel/projection.js';
import { rolloutErrors, rollouts, type RolloutState } from './rollouts.decider.js';
import { killSwitches, type RolloutEvent } from './rollouts.events.js';
import {
  everyPercentage,
  everySwitch,
  isKilled,
  percentageOf,
  rolloutDefaults,
  scopesOf,
  type RolloutDefaults,
} from './rollouts.ports.js';
import { rolloutRows, stateOf } from './rollouts.projection.js';

const switched = (name: string, on: boolean | null): RolloutEvent => ({
  type: 'KillSwitchChanged',
  data: { name, on },
});
const rolledOut = (name: string, percentage: number | null): RolloutEvent => ({
  type: 'CanaryChanged',
  data: { name, percentage },
});
const flip = (of: Record<string, boolean | null>) =>
  ({ type: 'ChangeKillSwitches', data: { killSwitches: of } }) as const;
const roll = (percentages: Record<string, number | null>) =>
  ({ type: 'ChangeCanaries', data: { percentages } }) as const;

const state = (...events: RolloutEvent[]): RolloutState => fold(rollouts, events);
const defaults: RolloutDefaults = {
  killSwitches: Object.fromEntries(killSwitches.map((name) => [name, false])) as RolloutDefaults['killSwitches'],
  percentages: { 'rollout.tts': 40, 'rollout.external_retrieval': 100 },
};

describe('kill switches', () => {
  it('change one event each, and none that is so already', () => {
    specify(rollouts)
      .given(switched('kill.run', true))
      .when(flip({ 'kill.run': true, 'kill.tts': false, 'kill.all': true }))
      .then(switched('kill.tts', false));
  });

  it('follow the default again after null', () => {
    specify(rollouts)
      .given(switched('kill.run', true))
      .when(flip({ 'kill.run': null }))
      .then(switched('kill.run', null));
    specify(rollouts)
      .given(switched('kill.run', true), switched('kill.run', null))
      .when(flip({ 'kill.run': null }))
      .thenNothing();
  });

  it('refuse a change that names none of them', () => {
    specify(rollouts)
      .given()
      .when(flip({ 'kill.all': true, toString: true }))
      .refuses(rolloutErrors.nothingKnown);
    specify(rollouts).given().when(flip({})).refuses(rolloutErrors.nothingKnown);
  });

  it('are off for a tenant when they are off for all or for it', () => {
    const off = state(switched('kill.run', true));
    const on = state(switched('kill.run', false));
    const killed = (platform?: RolloutState, tenant?: RolloutState, by = defaults) =>
      isKilled('kill.run', { platform, tenant, defaults: by });
    expect([killed(), killed(off), killed(undefined, off), killed(off, on), killed(on, off), killed(on, on)]).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
    const killedByDefault = { ...defaults, killSwitches: { ...defaults.killSwitches, 'kill.run': true } };
    expect(killed(undefined, on, killedByDefault)).toBe(true);
    expect(killed(on, undefined, killedByDefault)).toBe(false);
  });
});

describe('canaries', () => {
  it('stay within 0 and 100 whole per cent', () => {
    specify(rollouts)
      .given()
      .when(roll({ 'rollout.tts': 250, 'rollout.external_retrieval': -1, 'rollout.none': 5 }))
      .then(rolledOut('rollout.tts', 100), rolledOut('rollout.external_retrieval', 0));
    specify(rollouts)
      .given(rolledOut('rollout.tts', 100))
      .when(roll({ 'rollout.tts': 101 }))
      .thenNothing();
    specify(rollouts)
      .given()
      .when(roll({ 'rollout.none': 5 }))
      .refuses(rolloutErrors.nothingKnown);
  });

  it('give a tenant no more than all have', () => {
    const tenant = state(rolledOut('rollout.tts', 90));
    const platform = state(rolledOut('rollout.tts', 10));
    expect(percentageOf('rollout.tts', { defaults, platform: undefined, tenant })).toBe(40);
    expect(percentageOf('rollout.tts', { defaults, platform, tenant })).toBe(10);
    expect(percentageOf('rollout.tts', { defaults, platform: tenant, tenant: platform })).toBe(10);
  });
});

describe('what is in force', () => {
  it('is by default what the configuration says', () => {
    const off = { KILL_RUN: true, KILL_INGEST: false, KILL_TTS: true, KILL_EXTERNAL_RETRIEVAL: false } as const;
    const settings = { ...off, KILL_NOTIFICATIONS: true, ROLLOUT_TTS_PCT: 5, ROLLOUT_EXTERNAL_RETRIEVAL_PCT: 50 };
    const scopes = { defaults: rolloutDefaults(settings), platform: undefined, tenant: undefined };
    expect(everySwitch(scopes)).toEqual({
      'kill.run': true,
      'kill.ingest': false,
      'kill.tts': true,
      'kill.external_retrieval': false,
      'kill.notifications': true,
    });
    expect(everyPercentage(scopes)).toEqual({ 'rollout.tts': 5, 'rollout.external_retrieval': 50 });
  });

  it('is the same from the row in memory as from the stream', async () => {
    const history = [
      switched('kill.tts', true),
      rolledOut('rollout.tts', 7),
      switched('kill.run', true),
      switched('kill.run', null),
    ];
    const row = history.reduce<ReturnType<typeof foldRow>>(
      (before, event) => foldRow(rolloutRows, recorded(event), before as never),
      undefined,
    );
    expect(stateOf(row as never)).toEqual(state(...history));
    const load = (_: unknown, tenantId: string) =>
      Promise.resolve(tenantId === 't1' ? state(...history) : rollouts.initial);
    const scopes = await scopesOf({ load: load as never }, 't1', defaults);
    expect(everySwitch(scopes)).toEqual({ ...defaults.killSwitches, 'kill.tts': true });
    expect(everyPercentage(scopes)).toEqual({ 'rollout.tts': 7, 'rollout.external_retrieval': 100 });
  });
});
