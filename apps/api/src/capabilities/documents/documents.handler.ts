import { Injectable } from '@nestjs/common';
import { corpora, corpusErrors } from '#domain/capabilities/corpora/corpora.decider.js';
import {
  documentErrors,
  documents,
  documentSubject,
  isInProgress,
  type DocumentState,
  type SubmitDocument,
} from '#domain/capabilities/documents/documents.decider.js';
import type { DocumentEvent } from '#domain/capabilities/documents/documents.events.js';
import { CatalogueError, isRefusal } from '#domain/kernel/errors.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { areTooMany, chunkErrors, chunkSettings, type ChunkSettings } from '#domain/kernel/text/chunker.js';
import type { DocumentAccess } from '#api/commands/document-access.js';
import { Commands } from '#api/commands/commands.js';
import type { Rollouts } from '#api/commands/rollouts.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus } from '#api/http/corpus-scope.js';
import type { CommandOutcome } from '#infra/commands/command-path.js';
import { derivedId, idFor, newId } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { DocumentAccepted } from './documents.contract.js';
import { documentUid } from './documents.queries.js';

/** A document as it was handed in, by whichever way. */
export interface Submission {
  readonly corpusId: string;
  readonly documentId: string | undefined;
  readonly text: string;
  readonly filename: string;
  readonly contentType: string;
  readonly ingestSource: 'upload_file' | 'raw_text';
  readonly metadata: JsonObject;
  readonly chunkSize: number | undefined;
  readonly chunkOverlap: number | undefined;
  readonly overwrite: boolean;
}

export interface Accepted {
  readonly answer: DocumentAccepted;
  /** False when the submission changed nothing. */
  readonly queued: boolean;
}

/** Takes documents in: the text goes to the content store before the event that names it. */
@Injectable()
export class DocumentIntake {
  constructor(
    private readonly commands: Commands,
    private readonly content: ContentStore,
    private readonly rollouts: Rollouts,
    private readonly access: DocumentAccess,
  ) {}

  async submit(submission: Submission, caller: CallerContext): Promise<Accepted> {
    const { tenantId } = caller;
    await this.rollouts.refuseKilled('kill.ingest', tenantId);
    const labels = labelsOf(submission.metadata);
    const chunking = settingsOf(submission.chunkSize, submission.chunkOverlap);
    refuseTooMany(submission.text.length, chunking);
    const corpus = await this.commands.load(corpora, idFor('corpora', tenantId, submission.corpusId), caller);
    if (corpus.status === 'absent') throw new CatalogueError(corpusErrors.notFound);
    const documentId = submission.documentId ?? newId();
    const uid = documentUid(tenantId, documentId);
    const known = await this.commands.load(documents, uid, caller);
    await this.authorize(submission, uid, known, labels, caller);
    // A submission that will change nothing stores nothing either; the decider has the last word on all others.
    const idle = !caller.mayRepeat && known.status !== 'absent' && (isInProgress(known) || !submission.overwrite);
    if (idle && known.corpusId === submission.corpusId) return { answer: acceptedOf(known, caller), queued: false };
    const { text, filename, contentType, ingestSource, metadata, overwrite, corpusId } = submission;
    const bytes = new TextEncoder().encode(JSON.stringify({ text, metadata }));
    const subject = documentSubject(tenantId, uid, known.deletions);
    const id = derivedId(caller.facts.commandId, 'content');
    const [content] = await this.content.putMany([{ subject, kind: 'document', bytes, id }]);
    if (content === undefined) throw new Error('the content store gave no reference');
    const data: SubmitDocument['data'] = {
      documentId,
      ...this.access.ownership(caller),
      corpusId,
      filename,
      contentType,
      ingestSource,
      content,
      charCount: text.length,
      metadataKeys: Object.keys(metadata).sort(),
      labels,
      chunking,
      overwrite,
    };
    const outcome = await this.commands.run(documents, uid, { type: 'SubmitDocument', data }, caller);
    if (outcome.events.length === 0) await this.content.delete(tenantId, content.id);
    return { answer: acceptedOf(asDecided(outcome), caller), queued: outcome.events.length > 0 };
  }

  /** What is there may be written by who has a permission to; what comes in must be allowed as it will be. */
  private async authorize(
    { corpusId, contentType, metadata }: Submission,
    uid: string,
    known: DocumentState,
    labels: JsonObject,
    caller: CallerContext,
  ): Promise<void> {
    if (known.status !== 'absent') await this.access.change('write', uid, known, caller);
    await this.access.create({ id: null, corpusId, status: null, contentType, labels, metadata }, caller);
  }

  async reindex(
    documentId: string,
    size: number | undefined,
    overlap: number | undefined,
    caller: CallerContext,
    via: 'api' | 'ui' = 'api',
  ): Promise<DocumentAccepted> {
    const { tenantId } = caller;
    await this.rollouts.refuseKilled('kill.ingest', tenantId);
    const uid = documentUid(tenantId, documentId);
    const state = await this.commands.load(documents, uid, caller);
    if (state.status === 'absent' || !seesCorpus(caller, state.corpusId))
      throw new CatalogueError(documentErrors.notFound);
    await this.access.change('reindex', uid, state, caller);
    const chunking = size === undefined && overlap === undefined ? state.chunking : settingsOf(size, overlap);
    if (!isInProgress(state)) {
      const stored = await this.content.get(tenantId, state.content.id);
      if (stored === undefined) throw new CatalogueError(documentErrors.sourceMissing);
      if (areTooMany(stored.length, chunking)) refuseTooMany(lengthOf(stored), chunking);
    }
    const outcome = await this.commands.run(
      documents,
      uid,
      { type: 'ReindexDocument', data: { chunking, via } },
      caller,
    );
    return acceptedOf(asDecided(outcome), caller);
  }

  async remove(documentId: string, caller: CallerContext): Promise<void> {
    const uid = documentUid(caller.tenantId, documentId);
    const state = await this.commands.load(documents, uid, caller);
    if (state.status !== 'absent' && !seesCorpus(caller, state.corpusId))
      throw new CatalogueError(documentErrors.notFound);
    if (state.status !== 'absent') await this.access.change('delete', uid, state, caller);
    await this.commands.run(documents, uid, { type: 'DeleteDocument', data: {} }, caller);
  }
}

function refuseTooMany(length: number, chunking: ChunkSettings): void {
  if (areTooMany(length, chunking)) throw new CatalogueError(chunkErrors.tooMany);
}

/** Characters of a stored document's text, which has more bytes than those. */
function lengthOf(stored: Uint8Array): number {
  return (JSON.parse(new TextDecoder().decode(stored)) as { text: string }).text.length;
}

function settingsOf(size: number | undefined, overlap: number | undefined): ChunkSettings {
  const settings = chunkSettings(size, overlap);
  if (isRefusal(settings)) throw CatalogueError.of(settings);
  return settings;
}

function labelsOf(metadata: JsonObject): JsonObject {
  const labels = metadata['labels'];
  if (labels === undefined) return {};
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw new CatalogueError(documentErrors.invalid, { reason: 'metadata_json.labels must be an object' });
  }
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

/** What the command itself left: a repeat is answered like its first try, however far the document has come since. */
function asDecided({ state, events }: CommandOutcome<DocumentEvent, DocumentState>): DocumentState {
  const decided = events.find(
    (event) => event.type === 'DocumentSubmitted' || event.type === 'DocumentReindexRequested',
  );
  if (decided === undefined || state.status === 'absent') return state;
  return { ...state, status: 'queued', jobId: decided.data.jobId };
}

function acceptedOf(state: DocumentState, caller: CallerContext): DocumentAccepted {
  if (state.status === 'absent') throw new CatalogueError(documentErrors.notFound);
  const { documentId, status, jobId } = state;
  const prefix = caller.versioned ? '/v1' : '';
  return {
    document_id: documentId,
    status,
    job_id: jobId,
    status_url: `${prefix}/documents/${encodeURIComponent(documentId)}`,
  };
}
