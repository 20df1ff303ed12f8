import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const resource = ['transcription', 'transcriptionId'] as const;
const shown = ['runId', 'provider', 'model', 'mime', 'size'] as const;

/** The audio itself is not kept, nor what was said in it, but as the question of a run. */
const heard = {
  transcriptionId: t.uuid,
  /** The run whose question it was; null when it was none. */
  runId: t.nullable(t.uuid),
  provider: t.string,
  model: t.nullable(t.string),
  mime: t.string,
  size: t.integer,
  /** Of the audio. */
  sha256: t.sha256,
};

export const transcriptionEvents = defineEvents({
  AudioTranscribed: {
    version: 1,
    data: {
      ...heard,
      language: t.nullable(t.string),
      /** Of the audio; null when the provider does not tell. */
      durationMs: t.nullable(t.integer),
      /** Of the text. */
      characters: t.integer,
    },
    audit: {
      type: 'audio.transcribed',
      category: 'data',
      outcome: 'success',
      resource,
      shows: [...shown, 'sha256', 'language', 'durationMs', 'characters'],
    },
  },
  TranscriptionFailed: {
    version: 1,
    data: { ...heard, code: t.string },
    audit: {
      type: 'audio.transcription_failed',
      category: 'data',
      outcome: 'failure',
      resource,
      shows: [...shown, 'sha256', 'code'],
    },
  },
});

export type TranscriptionEvent = EventOf<typeof transcriptionEvents>;
