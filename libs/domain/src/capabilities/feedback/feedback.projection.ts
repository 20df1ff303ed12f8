import { defineProjection, type RowOf } from '../../kernel/projection.js';
import type { FeedbackEvent } from './feedback.events.js';

export const feedbackRows = defineProjection<FeedbackEvent>()({
  table: 'feedback',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    run_id: 'text',
    corpus_id: 'text',
    user_id: 'text',
    rating: 'text',
    comment_content_id: 'text?',
    tags: 'text[]',
    created_at: 'timestamptz',
    updated_at: 'timestamptz',
  },
  indexes: [['tenant_id', 'updated_at', 'id']],
  key: (event) => event.data.feedbackId,
  on: {
    FeedbackGiven: (event, row) => ({
      id: event.data.feedbackId,
      tenant_id: event.tenantId,
      run_id: event.data.runId,
      corpus_id: event.data.corpusId,
      user_id: event.data.userId,
      rating: event.data.rating,
      comment_content_id: event.data.comment?.id ?? null,
      tags: event.data.tags,
      created_at: row?.created_at ?? event.occurredAt,
      updated_at: event.occurredAt,
    }),
    FeedbackRemoved: () => null,
  },
});

export type FeedbackRow = RowOf<typeof feedbackRows.columns>;
