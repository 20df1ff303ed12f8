import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const resource = ['run', 'runId'] as const;
const run = { category: 'run', outcome: 'success', resource } as const;
const contentRef = t.object({ id: t.uuid, sha256: t.sha256, size: t.integer, keyId: t.string });

/** How many frames the stream had until then, and the SHA-256 of their bytes in order. */
const frames = t.object({ count: t.integer, sha256: t.sha256 });

export const runEvents = defineEvents({
  RunStarted: {
    version: 2,
    data: {
      runId: t.uuid,
      /** The name that the caller gave the conversation. */
      sessionId: t.string,
      /** The conversation among all of the tenant: one user's under that name. */
      session: t.string,
      /** Which of its lives: how often it had been deleted before. */
      life: t.integer,
      userId: t.string,
      corpusId: t.string,
      topK: t.nullable(t.integer),
      message: contentRef,
    },
    audit: { ...run, type: 'run.invoked', shows: ['sessionId', 'userId', 'corpusId', 'topK'] },
    // Conversations of before were the tenant's, under their names.
    upcasters: { 1: (data) => ({ ...data, session: data['sessionId'] ?? '', life: 0, userId: '' }) },
  },
  RunCompleted: {
    version: 3,
    data: {
      runId: t.uuid,
      sessionId: t.string,
      answer: contentRef,
      citationCount: t.integer,
      chunkCount: t.integer,
      degraded: t.boolean,
      reasonCode: t.nullable(t.string),
      frames,
      durationMs: t.integer,
      /** Tokens of what the answerer was given and of what it answered. */
      inputTokens: t.integer,
      outputTokens: t.integer,
      /** True when they were counted by rule, not by the model. */
      tokensEstimated: t.boolean,
      /** Part of the input that the provider had seen before; part of the output that nobody sees. */
      cachedTokens: t.integer,
      reasoningTokens: t.integer,
      /** Who answered, and how many were asked until then. */
      provider: t.string,
      model: t.string,
      attempts: t.integer,
      finishReason: t.oneOf('stop', 'length', 'refused'),
      /** Markers of the model that stood for no passage. */
      droppedCitations: t.integer,
      /** Ms until the passages were found, until the first text, and from the passages to the end; null: not measured. */
      timings: t.nullable(t.object({ retrievalMs: t.integer, firstTextMs: t.integer, generationMs: t.integer })),
    },
    audit: {
      ...run,
      type: 'run.completed',
      shows: [
        'sessionId',
        'citationCount',
        'chunkCount',
        'degraded',
        'reasonCode',
        'durationMs',
        'inputTokens',
        'outputTokens',
        'tokensEstimated',
        'provider',
        'model',
        'attempts',
        'finishReason',
        'droppedCitations',
      ],
    },
    upcasters: {
      // Runs of before were not counted.
      1: (data) => ({ ...data, inputTokens: 0, outputTokens: 0, tokensEstimated: true }),
      // Until then passages were quoted, and no model was asked.
      2: (data) => ({
        ...data,
        cachedTokens: 0,
        reasoningTokens: 0,
        provider: 'extractive',
        model: 'extractive-v1',
        attempts: 1,
        finishReason: 'stop',
        droppedCitations: 0,
        timings: null,
      }),
    },
  },
  /** What became of the speech of an answer, which is told after its text; the frames are those of the whole stream. */
  RunSpeechTold: {
    version: 1,
    data: { runId: t.uuid, sessionId: t.string, told: t.oneOf('audio.ready', 'audio.error'), frames },
    audit: { ...run, type: 'run.speech_told', shows: ['sessionId', 'told'] },
  },
  RunFailed: {
    version: 2,
    data: {
      runId: t.uuid,
      sessionId: t.string,
      code: t.string,
      frames: t.nullable(frames),
      durationMs: t.nullable(t.integer),
      /** What was retrieved before it failed; null where nothing was. */
      trace: t.nullable(contentRef),
    },
    audit: { ...run, outcome: 'failure', type: 'run.failed', shows: ['sessionId', 'code', 'durationMs'] },
    upcasters: { 1: (data) => ({ ...data, trace: null }) },
  },
  RunCancelled: {
    version: 1,
    data: {
      runId: t.uuid,
      sessionId: t.string,
      reason: t.oneOf('client_left', 'shutdown'),
      frames: t.nullable(frames),
    },
    audit: { ...run, outcome: 'failure', type: 'run.cancelled', shows: ['sessionId', 'reason'] },
  },
  /** What was asked and answered is kept no longer. */
  RunForgotten: {
    version: 1,
    data: { runId: t.uuid, sessionId: t.string, contentIds: t.array(t.uuid) },
    audit: { ...run, category: 'data', type: 'run.forgotten', shows: ['sessionId'] },
  },
});

export type RunEvent = EventOf<typeof runEvents>;
