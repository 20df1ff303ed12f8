import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const ledgerBreakEvents = defineEvents({
  LedgerBreakAcknowledged: {
    version: 1,
    data: {
      log: t.string,
      /** The timeline that begins; checkpoints of the earlier one stay signed. */
      timeline: t.integer,
      reason: t.string,
      refusal: t.string,
      /** The last signed checkpoint of the history that was given up. */
      abandoned: t.nullable(t.string),
    },
    audit: {
      type: 'ledger.break.acknowledged',
      category: 'security',
      outcome: 'success',
      resource: ['ledger', 'log'],
      shows: ['timeline', 'reason', 'refusal'],
    },
  },
});

export type LedgerBreakEvent = EventOf<typeof ledgerBreakEvents>;
