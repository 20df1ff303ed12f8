import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const resource = ['audio', 'audioId'] as const;
const contentRef = t.object({ id: t.uuid, sha256: t.sha256, size: t.integer, keyId: t.string });
const spoken = { audioId: t.uuid, runId: t.uuid, session: t.uuid, provider: t.string, model: t.nullable(t.string) };

export const audioEvents = defineEvents({
  /** An answer was spoken; its bytes are in the content store, under the key of its session. */
  AudioStored: {
    version: 1,
    data: {
      ...spoken,
      content: contentRef,
      /** Of the clear bytes. */
      sha256: t.sha256,
      size: t.integer,
      mime: t.string,
      /** Of the text that was spoken. */
      characters: t.integer,
      /** Until when the address that the run told is good. */
      addressUntil: t.instant,
      /** Seconds after which the bytes are deleted. */
      keptSeconds: t.integer,
    },
    audit: {
      type: 'audio.stored',
      category: 'data',
      outcome: 'success',
      resource,
      shows: ['runId', 'session', 'provider', 'model', 'sha256', 'size', 'mime', 'characters'],
    },
  },
  AudioFailed: {
    version: 1,
    data: { ...spoken, code: t.string, message: t.string },
    audit: {
      type: 'audio.failed',
      category: 'data',
      outcome: 'failure',
      resource,
      shows: ['runId', 'session', 'provider', 'model', 'code'],
    },
  },
  AudioDeleted: {
    version: 1,
    data: { audioId: t.uuid, reason: t.oneOf('retention') },
    audit: { type: 'audio.deleted', category: 'data', outcome: 'success', resource, shows: ['reason'] },
  },
});

export type AudioEvent = EventOf<typeof audioEvents>;
