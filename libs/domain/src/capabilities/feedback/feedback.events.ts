import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const audit = { category: 'data', outcome: 'success', resource: ['run', 'runId'] } as const;

export const feedbackEvents = defineEvents({
  FeedbackGiven: {
    version: 1,
    data: {
      feedbackId: t.uuid,
      runId: t.uuid,
      session: t.string,
      corpusId: t.string,
      userId: t.string,
      rating: t.oneOf('up', 'down'),
      /** Lies outside the log, under the session's key. */
      comment: t.nullable(t.object({ id: t.uuid, sha256: t.sha256, size: t.integer, keyId: t.string })),
      tags: t.array(t.string),
    },
    audit: { ...audit, type: 'feedback.given', shows: ['rating', 'tags', 'corpusId', 'userId'] },
  },
  FeedbackRemoved: {
    version: 1,
    data: { feedbackId: t.uuid, runId: t.uuid, userId: t.string },
    audit: { ...audit, type: 'feedback.removed', shows: ['userId'] },
  },
});

export type FeedbackEvent = EventOf<typeof feedbackEvents>;
