import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

/** What can be switched off while everything else goes on. */
export const killSwitches = [
  'kill.run',
  'kill.ingest',
  'kill.tts',
  'kill.external_retrieval',
  'kill.notifications',
] as const;
export type KillSwitch = (typeof killSwitches)[number];

/** What can be given to a share of the tenants first. */
export const canaries = ['rollout.tts', 'rollout.external_retrieval'] as const;
export type Canary = (typeof canaries)[number];

/** In the stream of `_system` for all tenants, else for the one whose stream it is. Null: the default is in force again. */
export const rolloutEvents = defineEvents({
  KillSwitchChanged: {
    version: 1,
    data: { name: t.string, on: t.nullable(t.boolean) },
    audit: {
      type: 'rollout.kill_switch.changed',
      category: 'ops',
      outcome: 'success',
      resource: ['kill_switch', 'name'],
      shows: ['on'],
    },
  },
  CanaryChanged: {
    version: 1,
    data: { name: t.string, percentage: t.nullable(t.integer) },
    audit: {
      type: 'rollout.canary.changed',
      category: 'ops',
      outcome: 'success',
      resource: ['canary', 'name'],
      shows: ['percentage'],
    },
  },
});

export type RolloutEvent = EventOf<typeof rolloutEvents>;
