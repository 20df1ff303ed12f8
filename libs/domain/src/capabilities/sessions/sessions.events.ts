import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const data = { category: 'data', outcome: 'success', resource: ['session', 'session'] } as const;

/** Which conversation, and which of its lives: an id that is used again after a deletion begins another. */
const conversation = { session: t.string, sessionId: t.string, userId: t.string, life: t.integer } as const;

export const sessionEvents = defineEvents({
  SessionRenamed: {
    version: 1,
    data: {
      ...conversation,
      /** The title lies outside the log, under the session's key; null: it has none. */
      title: t.nullable(t.object({ id: t.uuid, sha256: t.sha256, size: t.integer, keyId: t.string })),
    },
    audit: { ...data, type: 'session.renamed', shows: ['sessionId', 'life'] },
  },
  SessionDeleted: {
    version: 1,
    data: { ...conversation, reason: t.oneOf('request', 'retention') },
    audit: { ...data, type: 'session.deleted', shows: ['sessionId', 'life', 'reason'] },
  },
});

export type SessionEvent = EventOf<typeof sessionEvents>;
