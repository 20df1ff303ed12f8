import { defineProjection, type RowOf } from '../../kernel/projection.js';
import { streamIdOf } from '../../kernel/streams.js';
import type { DocumentEvent } from './documents.events.js';

const columns = {
  /** The uuid of the document's stream; the caller's own id is `document_id`. */
  id: 'text',
  tenant_id: 'text',
  document_id: 'text',
  corpus_id: 'text',
  filename: 'text',
  content_type: 'text',
  ingest_source: 'text',
  status: 'text',
  failure_reason: 'text?',
  failure_code: 'text?',
  progress: 'jsonb?',
  content_id: 'text',
  metadata_content_id: 'text?',
  labels: 'jsonb',
  /** The chunks that answer questions: those of the job that succeeded last. */
  index_version: 'text?',
  /** What those are, and their type, while what was handed in since is not indexed; null otherwise. */
  indexed_labels: 'jsonb?',
  indexed_content_type: 'text?',
  num_chunks: 'integer?',
  last_job_id: 'text',
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
  queued_at: 'timestamptz?',
  processing_started_at: 'timestamptz?',
  completed_at: 'timestamptz?',
  last_reindexed_at: 'timestamptz?',
} as const;

export const documentRows = defineProjection<DocumentEvent>()({
  table: 'documents',
  version: 4,
  columns,
  indexes: [
    ['tenant_id', 'created_at', 'id'],
    ['tenant_id', 'corpus_id', 'created_at', 'id'],
    ['tenant_id', 'filename', 'document_id'],
  ],
  searched: ['filename', 'document_id'],
  key: (event) => streamIdOf(event.stream),
  on: {
    DocumentSubmitted: (event, row) => ({
      id: streamIdOf(event.stream),
      tenant_id: event.tenantId,
      document_id: event.data.documentId,
      corpus_id: event.data.corpusId,
      filename: event.data.filename,
      content_type: event.data.contentType,
      ingest_source: event.data.ingestSource,
      status: 'queued',
      failure_reason: null,
      failure_code: null,
      progress: null,
      content_id: event.data.content.id,
      metadata_content_id: metadataIdOf(event.data),
      labels: event.data.labels,
      index_version: row?.index_version ?? null,
      ...indexedAs(row),
      num_chunks: row?.num_chunks ?? null,
      last_job_id: event.data.jobId,
      created_at: row?.created_at ?? event.occurredAt,
      updated_at: event.occurredAt,
      queued_at: event.occurredAt,
      processing_started_at: null,
      completed_at: null,
      last_reindexed_at: row?.last_reindexed_at ?? null,
    }),
    DocumentReindexRequested: (event, row) =>
      row && {
        ...row,
        status: 'queued',
        failure_reason: null,
        failure_code: null,
        progress: null,
        last_job_id: event.data.jobId,
        queued_at: event.occurredAt,
        processing_started_at: null,
        completed_at: null,
        updated_at: event.occurredAt,
      },
    DocumentProcessingStarted: (event, row) =>
      row && {
        ...row,
        status: 'processing',
        processing_started_at: event.data.startedAt ?? event.occurredAt,
        updated_at: event.occurredAt,
      },
    DocumentIngestAdvanced: (event, row) => {
      const { stage, done, total } = event.data;
      return row && { ...row, progress: { stage, done, total }, updated_at: event.occurredAt };
    },
    DocumentDetailsChanged: (event, row) => {
      const { changed, labels, metadata } = event.data;
      return (
        row && {
          ...row,
          labels,
          metadata_content_id: metadata?.id ?? null,
          indexed_labels: row.indexed_labels !== null && changed.includes('labels') ? labels : row.indexed_labels,
          updated_at: event.occurredAt,
        }
      );
    },
    DocumentIndexed: (event, row) =>
      row && {
        ...row,
        status: 'succeeded',
        progress: { stage: 'indexed', done: event.data.chunkCount, total: event.data.chunkCount },
        index_version: event.data.jobId,
        indexed_labels: null,
        indexed_content_type: null,
        num_chunks: event.data.chunkCount,
        completed_at: event.occurredAt,
        last_reindexed_at: event.data.reindex ? event.occurredAt : row.last_reindexed_at,
        updated_at: event.occurredAt,
      },
    DocumentFailed: (event, row) =>
      row && {
        ...row,
        status: 'failed',
        failure_reason: event.data.reason,
        failure_code: event.data.code,
        completed_at: event.occurredAt,
        updated_at: event.occurredAt,
      },
    DocumentDeleted: () => null,
  },
});

/** The columns that name contents. */
export const documentContents = ['content_id', 'metadata_content_id'].map((column) => ({
  projection: documentRows,
  column,
}));

/** Until something else is indexed, the chunks that answer stay what they were. */
function indexedAs(row: RowOf<typeof columns> | undefined) {
  const answering = row?.index_version == null ? undefined : row;
  return {
    indexed_labels: answering === undefined ? null : (answering.indexed_labels ?? answering.labels),
    indexed_content_type: answering === undefined ? null : (answering.indexed_content_type ?? answering.content_type),
  };
}

type Submitted = Extract<DocumentEvent, { readonly type: 'DocumentSubmitted' }>['data'];

/** Before version 2 the metadata stood beside the text. */
function metadataIdOf({ metadata, metadataKeys, content, form }: Submitted): string | null {
  if (metadata !== null) return metadata.id;
  return form === 'text' && metadataKeys.length > 0 ? content.id : null;
}
