import type { CommandPort } from '../../kernel/ports.js';
import { SYSTEM_TENANT } from '../../kernel/streams.js';
import { ROLLOUT_STREAM_ID, rollouts, type RolloutState } from './rollouts.decider.js';
import { canaries, killSwitches, type Canary, type KillSwitch } from './rollouts.events.js';

/** What is in force where nobody changed anything. */
export interface RolloutDefaults {
  readonly killSwitches: Readonly<Record<KillSwitch, boolean>>;
  readonly percentages: Readonly<Record<Canary, number>>;
}

/** The defaults by the names that an operator configures them with. */
export interface RolloutSettings {
  readonly KILL_RUN: boolean;
  readonly KILL_INGEST: boolean;
  readonly KILL_TTS: boolean;
  readonly KILL_EXTERNAL_RETRIEVAL: boolean;
  readonly KILL_NOTIFICATIONS: boolean;
  readonly ROLLOUT_TTS_PCT: number;
  readonly ROLLOUT_EXTERNAL_RETRIEVAL_PCT: number;
}

export function rolloutDefaults(settings: RolloutSettings): RolloutDefaults {
  return {
    killSwitches: {
      'kill.run': settings.KILL_RUN,
      'kill.ingest': settings.KILL_INGEST,
      'kill.tts': settings.KILL_TTS,
      'kill.external_retrieval': settings.KILL_EXTERNAL_RETRIEVAL,
      'kill.notifications': settings.KILL_NOTIFICATIONS,
    },
    percentages: {
      'rollout.tts': settings.ROLLOUT_TTS_PCT,
      'rollout.external_retrieval': settings.ROLLOUT_EXTERNAL_RETRIEVAL_PCT,
    },
  };
}

/** What was set for all tenants, and for one of them. */
export interface RolloutScopes {
  readonly defaults: RolloutDefaults;
  readonly platform: RolloutState | undefined;
  readonly tenant: RolloutState | undefined;
}

/** Off for all, or off for the tenant: neither can switch on what the other switched off. */
export function isKilled(name: KillSwitch, { defaults, platform, tenant }: RolloutScopes): boolean {
  return (platform?.killSwitches[name] ?? defaults.killSwitches[name]) || (tenant?.killSwitches[name] ?? false);
}

/** The lesser of the two: a tenant cannot give itself more than all have. */
export function percentageOf(name: Canary, { defaults, platform, tenant }: RolloutScopes): number {
  const forAll = platform?.percentages[name] ?? defaults.percentages[name];
  return Math.min(forAll, tenant?.percentages[name] ?? 100);
}

export function everySwitch(scopes: RolloutScopes): Readonly<Record<KillSwitch, boolean>> {
  return Object.fromEntries(killSwitches.map((name) => [name, isKilled(name, scopes)])) as Record<KillSwitch, boolean>;
}

export function everyPercentage(scopes: RolloutScopes): Readonly<Record<Canary, number>> {
  return Object.fromEntries(canaries.map((name) => [name, percentageOf(name, scopes)])) as Record<Canary, number>;
}

/** What is in force for a tenant, read from the log, for jobs: they may wait a query for it. */
export async function scopesOf(
  { load }: Pick<CommandPort, 'load'>,
  tenantId: string,
  defaults: RolloutDefaults,
): Promise<RolloutScopes> {
  const platform = await load(rollouts, SYSTEM_TENANT, ROLLOUT_STREAM_ID);
  const tenant = tenantId === SYSTEM_TENANT ? undefined : await load(rollouts, tenantId, ROLLOUT_STREAM_ID);
  return { defaults, platform, tenant };
}
