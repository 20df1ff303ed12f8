import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const accessRetentionEvents = defineEvents({
  AccessLogCut: {
    version: 1,
    data: {
      log: t.string,
      /** Leaves of the ledger whose events are gone; their hashes stay, so that what is left is proved as before. */
      leaves: t.integer,
      /** Of the last event that is gone. */
      position: t.string,
      /** What was recorded before this instant may go. */
      recordedBefore: t.string,
    },
    audit: {
      type: 'audit.access_log.cut',
      category: 'governance',
      outcome: 'success',
      resource: ['log', 'log'],
      shows: ['leaves', 'position', 'recordedBefore'],
    },
  },
});

export type AccessRetentionEvent = EventOf<typeof accessRetentionEvents>;
