import { defineProjection } from '../../kernel/projection.js';
import type { AudioEvent } from './audio.events.js';

/** Audio that there is, or was. */
export const audioRows = defineProjection<AudioEvent>()({
  table: 'audio',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    run_id: 'text',
    session: 'text',
    content_id: 'text?',
    mime: 'text',
    size: 'integer',
    sha256: 'text',
    characters: 'integer',
    stored_at: 'timestamptz',
    deleted_at: 'timestamptz?',
  },
  indexes: [['tenant_id', 'session']],
  key: (event) => event.data.audioId,
  on: {
    AudioStored: ({ data, tenantId, occurredAt }) => ({
      id: data.audioId,
      tenant_id: tenantId,
      run_id: data.runId,
      session: data.session,
      content_id: data.content.id,
      mime: data.mime,
      size: data.size,
      sha256: data.sha256,
      characters: data.characters,
      stored_at: occurredAt,
      deleted_at: null,
    }),
    AudioDeleted: ({ occurredAt }, row) => row && { ...row, content_id: null, deleted_at: occurredAt },
  },
});
