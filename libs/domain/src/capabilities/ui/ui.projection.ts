import { defineProjection } from '../../kernel/projection.js';
import type { DocumentEvent } from '../documents/documents.events.js';
import type { UiEvent } from './ui.events.js';

/** The action log: what was asked for through the user interface, and how it ended. An action's id is that of its job. */
export const uiActionRows = defineProjection<DocumentEvent | UiEvent>()({
  table: 'ui_actions',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    action_type: 'text',
    /** accepted, completed, failed */
    status: 'text',
    document_id: 'text',
    actor_id: 'text?',
    request_id: 'text?',
    failure_reason: 'text?',
    accepted_at: 'timestamptz',
    finished_at: 'timestamptz?',
  },
  indexes: [['tenant_id', 'accepted_at', 'id'], ['accepted_at']],
  key: (event) => {
    if (event.type === 'UiActionForgotten') return event.data.actionId;
    return 'jobId' in event.data ? event.data.jobId : event.id;
  },
  on: {
    DocumentReindexRequested: ({ tenantId, occurredAt, data, metadata }, row) =>
      data.via === 'ui'
        ? {
            id: data.jobId,
            tenant_id: tenantId,
            action_type: 'documents.reindex',
            status: 'accepted',
            document_id: data.documentId,
            actor_id: metadata.actor.id,
            request_id: metadata.requestId,
            failure_reason: null,
            accepted_at: occurredAt,
            finished_at: null,
          }
        : row,
    DocumentIndexed: (event, row) => row && { ...row, status: 'completed', finished_at: event.occurredAt },
    DocumentFailed: (event, row) =>
      row && { ...row, status: 'failed', failure_reason: event.data.reason, finished_at: event.occurredAt },
    UiActionForgotten: () => null,
  },
});
