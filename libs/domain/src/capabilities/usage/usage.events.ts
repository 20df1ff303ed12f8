import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

/** How often, and how many quota units that was. */
const used = t.object({ name: t.string, requests: t.integer, units: t.integer });

export const usageEvents = defineEvents({
  /** What one process served to one tenant since it last said so, all of it within one minute. */
  UsageRecorded: {
    version: 1,
    data: {
      process: t.string,
      /** When the minute began. */
      minute: t.instant,
      requests: t.integer,
      units: t.integer,
      /** By rate class: run, read, mutation, ops. */
      byClass: t.array(used),
      /** By endpoint, `VERB /v1/pattern`. */
      byRoute: t.array(used),
    },
    audit: {
      type: 'billing.usage_recorded',
      category: 'quota',
      outcome: 'success',
      resource: ['usage', 'minute'],
      shows: ['minute', 'requests', 'units'],
    },
  },
  /** The row of a minute is kept no longer; the day keeps its sums. */
  UsageMinuteForgotten: {
    version: 1,
    data: { minute: t.instant },
    audit: { type: 'billing.usage_forgotten', category: 'quota', outcome: 'success', resource: ['usage', 'minute'] },
  },
});

export type UsageEvent = EventOf<typeof usageEvents>;
