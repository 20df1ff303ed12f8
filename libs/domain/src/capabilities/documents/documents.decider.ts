import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { defineErrors, isRefusal, refuse, type Refusal } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/schema.js';
import { chunkSettings } from '../../kernel/text/chunker.js';
import { documentEvents, type DocumentEvent } from './documents.events.js';

export const documentErrors = defineErrors('documents', {
  notFound: ['not_found', 'NOT_FOUND', 'Document not found'],
  otherCorpus: ['conflict', 'CONFLICT', 'The document belongs to another corpus'],
  inProgress: ['conflict', 'INGEST_IN_PROGRESS', 'The document is being ingested'],
  sourceMissing: ['conflict', 'INGEST_SOURCE_MISSING', 'The text of the document is not stored any more'],
  invalid: ['validation', 'INGEST_VALIDATION_ERROR', 'The document cannot be ingested'],
  unsupportedType: ['unsupported_media_type', 'UNSUPPORTED_MEDIA_TYPE', 'This media type cannot be ingested'],
});

export interface ContentRef {
  readonly id: string;
  readonly sha256: string;
  readonly size: number;
  readonly keyId: string;
}

export interface Chunking {
  readonly size: number;
  readonly overlap: number;
}

export interface SubmitDocument {
  readonly type: 'SubmitDocument';
  readonly data: {
    readonly documentId: string;
    /** Whose it is when it is new. */ readonly owner: string | null;
    readonly shared: boolean;
    readonly corpusId: string;
    readonly filename: string;
    readonly contentType: string;
    readonly ingestSource: 'upload_file' | 'raw_text';
    readonly content: ContentRef;
    readonly charCount: number;
    readonly metadataKeys: readonly string[];
    readonly labels: JsonObject;
    readonly chunking: Chunking;
    readonly overwrite: boolean;
  };
}

export interface ReindexDocument {
  readonly type: 'ReindexDocument';
  readonly data: {
    readonly chunking: Chunking;
    /** Through which door; `api` when absent. */ readonly via?: 'api' | 'ui';
  };
}

export interface StartProcessing {
  readonly type: 'StartProcessing';
  readonly data: { readonly jobId: string };
}

export interface CompleteIndexing {
  readonly type: 'CompleteIndexing';
  readonly data: { readonly jobId: string; readonly chunkCount: number; readonly embeddingSpace: string };
}

export interface FailIngestion {
  readonly type: 'FailIngestion';
  readonly data: { readonly jobId: string; readonly reason: string };
}

export interface DeleteDocument {
  readonly type: 'DeleteDocument';
  readonly data: Readonly<Record<string, never>>;
}

export type DocumentCommand =
  SubmitDocument | ReindexDocument | StartProcessing | CompleteIndexing | FailIngestion | DeleteDocument;

export type IngestStatus = 'queued' | 'processing' | 'succeeded' | 'failed';

export interface PresentDocument {
  readonly status: IngestStatus;
  readonly documentId: string;
  readonly deletions: number;
  readonly corpusId: string;
  readonly jobId: string;
  /** The job whose chunks answer questions; null before the first. */
  readonly indexVersion: string | null;
  readonly content: ContentRef;
  readonly chunking: Chunking;
  readonly reindex: boolean;
  readonly labels: JsonObject;
}

export type DocumentState =
  | { readonly status: 'absent'; /** How often the id was deleted before. */ readonly deletions: number }
  | PresentDocument;

export const documents = defineDecider<DocumentCommand, DocumentEvent, DocumentState>({
  category: 'documents',
  initial: { status: 'absent', deletions: 0 },
  decide: (command, state, facts) => {
    if (command.type === 'SubmitDocument') return submit(command, state, facts);
    if (state.status === 'absent') return refuse(documentErrors.notFound);
    switch (command.type) {
      case 'ReindexDocument':
        return reindex(command, state, facts);
      case 'StartProcessing':
        return start(command, state);
      case 'CompleteIndexing':
        return complete(command, state);
      case 'FailIngestion':
        return failed(command, state);
      case 'DeleteDocument':
        return remove(state);
    }
  },
  evolve: (state, event) => {
    // The stream also holds who may do what with the document.
    if (!Object.hasOwn(documentEvents, event.type)) return state;
    if (event.type === 'DocumentSubmitted') {
      const { documentId, corpusId, jobId, content, chunking, labels } = event.data;
      const { deletions } = state;
      const indexVersion = state.status === 'absent' ? null : state.indexVersion;
      const known = { documentId, deletions, corpusId, jobId, indexVersion, content, chunking, labels };
      return { status: 'queued', ...known, reindex: false };
    }
    return state.status === 'absent' ? state : evolvePresent(state, event);
  },
});

function evolvePresent(
  state: PresentDocument,
  event: Exclude<DocumentEvent, { type: 'DocumentSubmitted' }>,
): DocumentState {
  switch (event.type) {
    case 'DocumentReindexRequested':
      return { ...state, status: 'queued', jobId: event.data.jobId, chunking: event.data.chunking, reindex: true };
    case 'DocumentProcessingStarted':
      return { ...state, status: 'processing' };
    case 'DocumentIndexed':
      return { ...state, status: 'succeeded', indexVersion: event.data.jobId };
    case 'DocumentFailed':
      return { ...state, status: 'failed' };
    case 'DocumentDeleted':
      return { status: 'absent', deletions: state.deletions + 1 };
  }
}

/**
 * Whose key seals a document's text and chunks. A document that comes back after its deletion is another subject, so that
 * destroying the old one's key can never meet the new text, however late it happens.
 */
export function documentSubject(tenantId: string, streamId: string, deletions: number) {
  return { tenantId, kind: 'document', id: deletions === 0 ? streamId : `${streamId}.${deletions}` };
}

type DocumentInProgress = PresentDocument & { readonly status: 'queued' | 'processing' };

/** True while a job has the document. */
export function isInProgress(state: DocumentState): state is DocumentInProgress {
  return state.status === 'queued' || state.status === 'processing';
}

function checkChunking({ size, overlap }: Chunking): Refusal | undefined {
  const settings = chunkSettings(size, overlap);
  return isRefusal(settings) ? settings : undefined;
}

/** A known id without `overwrite`, or one that is being ingested, changes nothing. */
function submit(command: SubmitDocument, state: DocumentState, facts: Facts): Decision<DocumentEvent> {
  const problem = checkChunking(command.data.chunking);
  if (problem !== undefined) return problem;
  if (state.status !== 'absent') {
    if (state.corpusId !== command.data.corpusId) return refuse(documentErrors.otherCorpus);
    if (isInProgress(state) || !command.data.overwrite) return [];
  }
  const replacedContentIds = state.status === 'absent' ? [] : [state.content.id];
  return [{ type: 'DocumentSubmitted', data: { ...command.data, jobId: facts.newId, replacedContentIds } }];
}

function reindex(command: ReindexDocument, state: PresentDocument, facts: Facts): Decision<DocumentEvent> {
  if (isInProgress(state)) return refuse(documentErrors.inProgress);
  const { chunking, via = 'api' } = command.data;
  const problem = checkChunking(chunking);
  if (problem !== undefined) return problem;
  const { documentId } = state;
  return [{ type: 'DocumentReindexRequested', data: { documentId, jobId: facts.newId, chunking, via } }];
}

/** A job that is not the document's newest has nothing to say. */
function start({ data }: StartProcessing, state: PresentDocument): Decision<DocumentEvent> {
  if (state.jobId !== data.jobId || state.status !== 'queued') return [];
  return [{ type: 'DocumentProcessingStarted', data: { documentId: state.documentId, jobId: data.jobId } }];
}

function complete({ data }: CompleteIndexing, state: PresentDocument): Decision<DocumentEvent> {
  if (state.jobId !== data.jobId || !isInProgress(state)) return [];
  return [{ type: 'DocumentIndexed', data: { documentId: state.documentId, ...data, reindex: state.reindex } }];
}

function failed({ data }: FailIngestion, state: PresentDocument): Decision<DocumentEvent> {
  if (state.jobId !== data.jobId || !isInProgress(state)) return [];
  return [{ type: 'DocumentFailed', data: { documentId: state.documentId, ...data } }];
}

function remove(state: PresentDocument): Decision<DocumentEvent> {
  if (isInProgress(state)) return refuse(documentErrors.inProgress);
  const { documentId, corpusId, content } = state;
  return [{ type: 'DocumentDeleted', data: { documentId, corpusId, contentIds: [content.id] } }];
}
