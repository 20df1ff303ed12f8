import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const audit = {
  type: 'failover.write_freeze.toggled',
  category: 'ops',
  outcome: 'success',
  resource: ['write_gate', 'gate'],
  shows: ['frozen', 'reason'],
} as const;
const data = { gate: t.oneOf('writes'), reason: t.nullable(t.string) } as const;

export const writeFreezeEvents = defineEvents({
  /** From here on the log takes nothing but what gets the installation going again. */
  WritesFrozen: { version: 1, data: { ...data, frozen: t.oneOf('yes') }, audit },
  WritesThawed: { version: 1, data: { ...data, frozen: t.oneOf('no') }, audit },
});

export type WriteFreezeEvent = EventOf<typeof writeFreezeEvents>;
