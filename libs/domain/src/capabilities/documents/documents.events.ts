import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const resource = ['document', 'documentId'] as const;
const data = { category: 'data', outcome: 'success', resource } as const;

/** Where the text lies: outside the log, erasable. The hash is over the ciphertext. */
export const contentRef = { id: t.uuid, sha256: t.sha256, size: t.integer, keyId: t.string } as const;
export const chunking = {
  size: t.integer,
  overlap: t.integer,
  /** What sizes count; characters when absent. */
  unit: t.optional(t.oneOf('characters', 'tokens')),
} as const;

export const documentEvents = defineEvents({
  DocumentSubmitted: {
    version: 3,
    data: {
      documentId: t.string,
      /** Who owns it when it is new, as `principal.id` of policies. */
      owner: t.nullable(t.string),
      /** Whether it is the tenant's too when it is new: whoever has a role may do with it what the role allows. */
      shared: t.boolean,
      corpusId: t.string,
      jobId: t.uuid,
      filename: t.string,
      contentType: t.string,
      ingestSource: t.oneOf('upload_file', 'raw_text'),
      content: t.object(contentRef),
      /** `text`: JSON with the text; `file`: the bytes as they came. */
      form: t.oneOf('text', 'file'),
      /** Of a text its characters, of a file its bytes. */
      charCount: t.integer,
      /** What the caller said of the document; null when nothing, and before version 3, when it stood beside the text. */
      metadata: t.nullable(t.object(contentRef)),
      metadataKeys: t.array(t.string),
      labels: t.jsonObject,
      chunking: t.object(chunking),
      overwrite: t.boolean,
      /** Texts that this submission replaced; they are removed. */
      replacedContentIds: t.array(t.uuid),
    },
    audit: {
      ...data,
      type: 'documents.ingest.enqueued',
      shows: ['corpusId', 'jobId', 'filename', 'contentType', 'ingestSource', 'charCount', 'metadataKeys', 'overwrite'],
    },
    upcasters: {
      // Before there were owners, documents were the tenant's.
      1: (before) => ({ ...before, owner: null, shared: true }),
      2: (before) => ({ ...before, form: 'text', metadata: null }),
    },
  },
  DocumentDetailsChanged: {
    version: 1,
    data: {
      documentId: t.string,
      changed: t.array(t.oneOf('labels', 'metadata')),
      labels: t.jsonObject,
      metadata: t.nullable(t.object(contentRef)),
      metadataKeys: t.array(t.string),
      replacedContentIds: t.array(t.uuid),
    },
    audit: { ...data, type: 'documents.details.changed', shows: ['changed', 'metadataKeys'] },
  },
  DocumentReindexRequested: {
    version: 3,
    data: {
      documentId: t.string,
      jobId: t.uuid,
      chunking: t.object(chunking),
      /** `ui`: by an action of the user interface, whose id is that of the job. */
      via: t.oneOf('api', 'ui'),
    },
    audit: { ...data, type: 'documents.reindex.enqueued', shows: ['jobId', 'chunking', 'via'] },
    upcasters: { 1: (before) => ({ ...before, via: 'api' }), 2: (before) => before },
  },
  DocumentProcessingStarted: {
    version: 2,
    data: {
      documentId: t.string,
      jobId: t.uuid,
      /** What is over soon is told of at its end; null before version 2, when a start was told of at once. */
      startedAt: t.nullable(t.instant),
    },
    audit: { ...data, type: 'documents.ingest.started', shows: ['jobId', 'startedAt'] },
    upcasters: { 1: (before) => ({ ...before, startedAt: null }) },
  },
  /** Told of large documents only, some ten times at most. */
  DocumentIngestAdvanced: {
    version: 1,
    data: {
      documentId: t.string,
      jobId: t.uuid,
      stage: t.oneOf('parsed', 'chunked', 'embedded'),
      /** Characters of `parsed`, else chunks. */
      done: t.integer,
      total: t.integer,
    },
    audit: { ...data, type: 'documents.ingest.advanced', shows: ['jobId', 'stage', 'done', 'total'] },
  },
  DocumentIndexed: {
    version: 1,
    data: { documentId: t.string, jobId: t.uuid, chunkCount: t.integer, embeddingSpace: t.string, reindex: t.boolean },
    audit: { ...data, type: 'documents.ingest.succeeded', shows: ['jobId', 'chunkCount', 'embeddingSpace', 'reindex'] },
  },
  DocumentFailed: {
    version: 2,
    data: { documentId: t.string, jobId: t.uuid, reason: t.string, /** Stable. */ code: t.string },
    audit: { ...data, outcome: 'failure', type: 'documents.ingest.failed', shows: ['jobId', 'reason', 'code'] },
    upcasters: { 1: (before) => ({ ...before, code: 'INGEST_FAILED' }) },
  },
  DocumentDeleted: {
    version: 1,
    data: { documentId: t.string, corpusId: t.string, contentIds: t.array(t.uuid) },
    audit: { ...data, type: 'documents.deleted', shows: ['corpusId'] },
  },
});

export type DocumentEvent = EventOf<typeof documentEvents>;
