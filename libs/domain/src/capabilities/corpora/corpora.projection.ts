import { defineProjection } from '../../kernel/projection.js';
import type { CorpusEvent } from './corpora.events.js';

export const corpusRows = defineProjection<CorpusEvent>()({
  table: 'corpora',
  version: 3,
  columns: {
    id: 'text',
    tenant_id: 'text',
    name: 'text',
    provider_config_json: 'jsonb',
    /** Whose vectors answer questions; null for a corpus from before that was recorded. */
    embedding: 'jsonb?',
    /** What it is being embedded with beside that. */
    reembedding: 'jsonb?',
    reembedding_failure: 'jsonb?',
    created_at: 'timestamptz',
    updated_at: 'timestamptz',
  },
  indexes: [['tenant_id', 'created_at', 'id']],
  key: (event) => event.data.corpusId,
  on: {
    CorpusCreated: (event) => ({
      id: event.data.corpusId,
      tenant_id: event.tenantId,
      name: event.data.name,
      provider_config_json: event.data.providerConfig,
      embedding: null,
      reembedding: null,
      reembedding_failure: null,
      created_at: event.occurredAt,
      updated_at: event.occurredAt,
    }),
    CorpusUpdated: (event, row) =>
      row && {
        ...row,
        name: event.data.name ?? row.name,
        provider_config_json: event.data.providerConfig ?? row.provider_config_json,
        updated_at: event.occurredAt,
      },
    CorpusDeleted: () => null,
    CorpusEmbeddingChosen: (event, row) => row && { ...row, embedding: event.data.embedding },
    CorpusReembeddingStarted: (event, row) =>
      row && {
        ...row,
        reembedding: event.data.embedding,
        reembedding_failure: null,
        updated_at: event.occurredAt,
      },
    CorpusEmbeddingChanged: (event, row) =>
      row && { ...row, embedding: event.data.embedding, reembedding: null, updated_at: event.occurredAt },
    CorpusReembeddingFailed: (event, row) =>
      row && {
        ...row,
        reembedding: null,
        reembedding_failure: { embedding: event.data.embedding, reason: event.data.reason },
        updated_at: event.occurredAt,
      },
  },
});
