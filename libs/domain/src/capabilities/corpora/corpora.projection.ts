import { defineProjection } from '../../kernel/projection.js';
import type { CorpusEvent } from './corpora.events.js';

export const corpusRows = defineProjection<CorpusEvent>()({
  table: 'corpora',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    name: 'text',
    provider_config_json: 'jsonb',
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
  },
});
