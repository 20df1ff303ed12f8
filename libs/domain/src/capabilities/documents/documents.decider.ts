import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { defineErrors, isRefusal, refuse, type Refusal } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/schema.js';
import { chunkSettings } from '../../kernel/text/chunker.js';
import type {
  AttemptRef,
  ChangeDetails,
  Chunking,
  CompleteIndexing,
  ContentRef,
  DeleteDocument,
  DocumentCommand,
  FailIngestion,
  ReindexDocument,
  ReportProgress,
  StartProcessing,
  SubmitDocument,
} from './document-commands.decider.js';
import { documentEvents, type DocumentEvent } from './documents.events.js';

export const documentErrors = defineErrors('documents', {
  notFound: ['not_found', 'NOT_FOUND', 'Document not found'],
  otherCorpus: ['conflict', 'CONFLICT', 'The document belongs to another corpus'],
  inProgress: ['conflict', 'INGEST_IN_PROGRESS', 'The document is being ingested'],
  sourceMissing: ['conflict', 'INGEST_SOURCE_MISSING', 'The text of the document is not stored any more'],
  invalid: ['validation', 'INGEST_VALIDATION_ERROR', 'The document cannot be ingested'],
  textMissing: ['conflict', 'INGEST_TEXT_MISSING', 'The stored text is missing'],
  failedRepeatedly: ['unavailable', 'INGEST_FAILED', 'Ingestion failed repeatedly'],
  unsupportedType: ['unsupported_media_type', 'UNSUPPORTED_MEDIA_TYPE', 'This media type cannot be ingested'],
});

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
  readonly form: 'text' | 'file';
  readonly contentType: string;
  readonly metadata: ContentRef | null;
  readonly metadataKeys: readonly string[];
  readonly chunking: Chunking;
  readonly reindex: boolean;
  readonly labels: JsonObject;
  /** Why it failed; null where it did not. */
  readonly failure: string | null;
  /** How far the job under way has told to be. */
  readonly told: readonly [stage: string, done: number] | null;
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
      case 'ReportProgress':
        return advanced(command, state);
      case 'CompleteIndexing':
        return complete(command, state);
      case 'FailIngestion':
        return failed(command, state);
      case 'ChangeDetails':
        return changeDetails(command, state);
      case 'DeleteDocument':
        return remove(command, state);
    }
  },
  evolve: (state, event) => {
    // The stream also holds who may do what with the document.
    if (!Object.hasOwn(documentEvents, event.type)) return state;
    if (event.type === 'DocumentSubmitted') {
      const { documentId, corpusId, jobId, content, form, contentType, metadata, metadataKeys } = event.data;
      const { chunking, labels } = event.data;
      const { deletions } = state;
      const indexVersion = state.status === 'absent' ? null : state.indexVersion;
      const source = { content, form, contentType, metadata, metadataKeys, labels };
      const known = { documentId, deletions, corpusId, jobId, indexVersion, chunking };
      return { status: 'queued', ...known, ...source, reindex: false, failure: null, told: null };
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
      return {
        ...state,
        status: 'queued',
        jobId: event.data.jobId,
        chunking: event.data.chunking,
        reindex: true,
        failure: null,
        told: null,
      };
    case 'DocumentProcessingStarted':
      return { ...state, status: 'processing' };
    case 'DocumentIndexed':
      return { ...state, status: 'succeeded', indexVersion: event.data.jobId };
    case 'DocumentIngestAdvanced':
      return { ...state, told: [event.data.stage, event.data.done] };
    case 'DocumentFailed':
      return { ...state, status: 'failed', failure: event.data.code };
    case 'DocumentDetailsChanged': {
      const { labels, metadata, metadataKeys } = event.data;
      return { ...state, labels, metadata, metadataKeys };
    }
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

/** What could not be ingested for reasons that are not its own is ingested by being handed in again. */
function mayBeTriedAgain({ failure }: PresentDocument): boolean {
  return failure === documentErrors.failedRepeatedly.code;
}

/** True where a submission changes nothing: of a known id without `overwrite`, or of one that is being ingested. */
export function isIdle(state: PresentDocument, { overwrite }: { readonly overwrite: boolean }): boolean {
  return isInProgress(state) || !(overwrite || mayBeTriedAgain(state));
}

function checkChunking({ size, overlap, unit }: Chunking): Refusal | undefined {
  const settings = chunkSettings(size, overlap, unit);
  return isRefusal(settings) ? settings : undefined;
}

function submit(command: SubmitDocument, state: DocumentState, facts: Facts): Decision<DocumentEvent> {
  const problem = checkChunking(command.data.chunking);
  if (problem !== undefined) return problem;
  if (state.status !== 'absent') {
    if (state.corpusId !== command.data.corpusId) return refuse(documentErrors.otherCorpus);
    if (isIdle(state, command.data)) return [];
  }
  const { labels: known = {}, replacedContentIds } =
    state.status === 'absent' ? { replacedContentIds: [] } : { ...state, replacedContentIds: contentIdsOf(state) };
  const { labels = known } = command.data;
  return [{ type: 'DocumentSubmitted', data: { ...command.data, labels, jobId: facts.newId, replacedContentIds } }];
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
  return state.jobId === data.jobId ? begun(data, state) : [];
}

/** The start of a job's work, unless it was told of. */
function begun({ jobId, startedAt }: AttemptRef, { status, documentId }: PresentDocument): DocumentEvent[] {
  if (status !== 'queued') return [];
  return [{ type: 'DocumentProcessingStarted', data: { documentId, jobId, startedAt } }];
}

function complete({ data }: CompleteIndexing, state: PresentDocument): Decision<DocumentEvent> {
  if (state.jobId !== data.jobId || !isInProgress(state)) return [];
  const { jobId, chunkCount, embeddingSpace } = data;
  const { documentId, reindex } = state;
  const indexed = { documentId, jobId, chunkCount, embeddingSpace, reindex };
  return [...begun(data, state), { type: 'DocumentIndexed', data: indexed }];
}

function failed({ data }: FailIngestion, state: PresentDocument): Decision<DocumentEvent> {
  if (state.jobId !== data.jobId || !isInProgress(state)) return [];
  const { jobId, reason, code } = data;
  const { documentId } = state;
  return [...begun(data, state), { type: 'DocumentFailed', data: { documentId, jobId, reason, code } }];
}

function advanced({ data }: ReportProgress, state: PresentDocument): Decision<DocumentEvent> {
  if (state.jobId !== data.jobId || state.status !== 'processing') return [];
  if (state.told?.[0] === data.stage && state.told[1] >= data.done) return [];
  return [{ type: 'DocumentIngestAdvanced', data: { documentId: state.documentId, ...data } }];
}

function changeDetails({ data }: ChangeDetails, state: PresentDocument): Decision<DocumentEvent> {
  const { documentId } = state;
  const { labels = state.labels, metadata: given = { content: state.metadata, keys: state.metadataKeys } } = data;
  const otherMetadata = given.content?.id !== state.metadata?.id;
  const changed: ('labels' | 'metadata')[] = isSame(labels, state.labels) ? [] : ['labels'];
  if (otherMetadata) changed.push('metadata');
  if (changed.length === 0) return [];
  const replacedContentIds = otherMetadata && state.metadata !== null ? [state.metadata.id] : [];
  const { content: metadata, keys: metadataKeys } = given;
  const details = { documentId, changed, labels, metadata, metadataKeys, replacedContentIds };
  return [{ type: 'DocumentDetailsChanged', data: details }];
}

function remove({ data }: DeleteDocument, state: PresentDocument): Decision<DocumentEvent> {
  if (isInProgress(state) && data.evenInProgress !== true) return refuse(documentErrors.inProgress);
  const { documentId, corpusId } = state;
  return [{ type: 'DocumentDeleted', data: { documentId, corpusId, contentIds: contentIdsOf(state) } }];
}

/** Labels are texts by name; their order says nothing. */
function isSame(one: JsonObject, other: JsonObject): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function contentIdsOf({ content, metadata }: PresentDocument): string[] {
  return metadata === null ? [content.id] : [content.id, metadata.id];
}
