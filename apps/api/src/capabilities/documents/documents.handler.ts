import { Injectable } from '@nestjs/common';
import { corpora, corpusErrors } from '#domain/capabilities/corpora/corpora.decider.js';
import type { ChangeDetails, SubmitDocument } from '#domain/capabilities/documents/document-commands.decider.js';
import {
  documentErrors,
  documents,
  documentSubject,
  isIdle,
  isInProgress,
  type DocumentState,
  type PresentDocument,
} from '#domain/capabilities/documents/documents.decider.js';
import type { DocumentEvent } from '#domain/capabilities/documents/documents.events.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { areTooMany, chunkErrors, type ChunkSettings } from '#domain/kernel/text/chunker.js';
import type { DocumentAccess } from '#api/commands/document-access.js';
import { Commands } from '#api/commands/commands.js';
import type { Rollouts } from '#api/commands/rollouts.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus } from '#api/http/corpus-scope.js';
import type { CommandOutcome } from '#infra/commands/command-path.js';
import { idFor, newId } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import { DocumentContents, lengthOf, type ContentRefs } from './document-contents.adapter.js';
import { defaultChunking, labelsOf } from './document-details.adapter.js';
import type { DocumentSource } from './document-source.adapter.js';
import type { DocumentAccepted, PatchDocumentRequest } from './documents.contract.js';
import { documentUid } from './documents.queries.js';

/** A document as it was handed in, by whichever way. */
export interface Submission {
  readonly corpusId: string;
  readonly documentId: string | undefined;
  readonly source: DocumentSource;
  readonly filename: string;
  readonly ingestSource: 'upload_file' | 'raw_text';
  readonly metadata: JsonObject;
  /** Those that the document has, when undefined. */
  readonly labels: JsonObject | undefined;
  /** The default when absent. */
  readonly chunking: ChunkSettings | undefined;
  readonly overwrite: boolean;
}

export interface Accepted {
  readonly answer: DocumentAccepted;
  /** False when the submission changed nothing. */
  readonly queued: boolean;
}

/** Takes documents in: what they hold is stored with the event that names it, or, being large, before it. */
@Injectable()
export class DocumentIntake {
  private readonly contents: DocumentContents;

  constructor(
    private readonly commands: Commands,
    content: ContentStore,
    private readonly rollouts: Rollouts,
    private readonly access: DocumentAccess,
  ) {
    this.contents = new DocumentContents(content);
  }

  async submit(submission: Submission, caller: CallerContext): Promise<Accepted> {
    const { tenantId } = caller;
    await this.rollouts.refuseKilled('kill.ingest', tenantId);
    const { source, corpusId, chunking = defaultChunking() } = submission;
    if (source.form === 'text') refuseTooMany(source.text.length, chunking);
    const corpus = await this.commands.load(corpora, idFor('corpora', tenantId, corpusId), caller);
    if (corpus.status === 'absent') throw new CatalogueError(corpusErrors.notFound);
    const documentId = submission.documentId ?? newId();
    const uid = documentUid(tenantId, documentId);
    const known = await this.commands.load(documents, uid, caller);
    await this.authorize(submission, uid, known, caller);
    // A submission that will change nothing stores nothing either; the decider has the last word on all others.
    if (!caller.mayRepeat && changesNothing(known, submission))
      return { answer: acceptedOf(known, caller), queued: false };
    const handedIn = await this.contents.take(submission, documentSubject(tenantId, uid, known.deletions), caller);
    const data = dataOf(submission, { ...handedIn.refs, ...this.access.ownership(caller), documentId, chunking });
    const command = { type: 'SubmitDocument', data } as const;
    const outcome = await this.commands.run(documents, uid, command, caller, handedIn.companions);
    if (outcome.events.length === 0) await this.contents.forget(tenantId, handedIn.stored);
    return { answer: acceptedOf(asDecided(outcome), caller), queued: outcome.events.length > 0 };
  }

  /** What is there may be written by who has a permission to; what comes in must be allowed as it will be. */
  private async authorize(
    submission: Submission,
    uid: string,
    known: DocumentState,
    caller: CallerContext,
  ): Promise<void> {
    if (known.status !== 'absent') await this.access.change('write', uid, known, caller);
    const { corpusId, labels = known.status === 'absent' ? {} : known.labels, metadata, source } = submission;
    const { contentType } = source;
    await this.access.become({ id: null, corpusId, status: null, contentType, labels, metadata }, caller);
  }

  /** Changes what is said of a document; what is absent stays, null removes. */
  async change(documentId: string, body: PatchDocumentRequest, caller: CallerContext): Promise<void> {
    const { tenantId } = caller;
    const { state, uid } = await this.visible(documentId, caller);
    const { metadata_json: metadata } = body;
    const labels = labelsOf(body.labels, metadata);
    await this.access.change('write', uid, state, caller);
    const said = await this.access.saidOf(uid, caller);
    const becomes = { ...(labels === undefined ? {} : { labels }), ...(metadata === undefined ? {} : { metadata }) };
    await this.access.become({ ...factsOf(state), ...said, ...becomes }, caller);
    const subject = documentSubject(tenantId, uid, state.deletions);
    const described = await this.contents.describe(metadata ?? {}, subject, caller);
    const { metadata: content } = described.refs;
    const change = metadata === undefined ? undefined : { content, keys: Object.keys(metadata ?? {}).sort() };
    const data: ChangeDetails['data'] = {
      ...(labels === undefined ? {} : { labels }),
      ...(change === undefined ? {} : { metadata: change }),
    };
    const command = { type: 'ChangeDetails', data } as const;
    const { events } = await this.commands.run(documents, uid, command, caller, described.companions);
    if (events.length === 0) await this.contents.forget(tenantId, described.stored);
  }

  private async visible(documentId: string, caller: CallerContext): Promise<{ state: PresentDocument; uid: string }> {
    const uid = documentUid(caller.tenantId, documentId);
    const state = await this.commands.load(documents, uid, caller);
    if (state.status === 'absent' || !seesCorpus(caller, state.corpusId))
      throw new CatalogueError(documentErrors.notFound);
    return { state, uid };
  }

  async reindex(
    documentId: string,
    asked: ChunkSettings | undefined,
    caller: CallerContext,
    via: 'api' | 'ui' = 'api',
  ): Promise<DocumentAccepted> {
    const { tenantId } = caller;
    await this.rollouts.refuseKilled('kill.ingest', tenantId);
    const { state, uid } = await this.visible(documentId, caller);
    await this.access.change('reindex', uid, state, caller);
    const chunking = asked ?? state.chunking;
    if (!isInProgress(state)) {
      const stored = await this.contents.open(tenantId, state.content.id);
      if (stored === undefined) throw new CatalogueError(documentErrors.sourceMissing);
      if (state.form === 'text' && areTooMany(stored.size, chunking)) refuseTooMany(await lengthOf(stored), chunking);
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

function factsOf({ documentId: id, corpusId, status, labels }: PresentDocument) {
  return { id, corpusId, status, labels };
}

function changesNothing(known: DocumentState, submission: Submission): boolean {
  return known.status !== 'absent' && known.corpusId === submission.corpusId && isIdle(known, submission);
}

function dataOf(
  submission: Submission,
  rest: ContentRefs & Pick<SubmitDocument['data'], 'documentId' | 'chunking' | 'owner' | 'shared'>,
): SubmitDocument['data'] {
  const { source, corpusId, filename, ingestSource, metadata, labels, overwrite } = submission;
  return {
    ...rest,
    corpusId,
    filename,
    contentType: source.contentType,
    ingestSource,
    form: source.form,
    charCount: source.form === 'text' ? source.text.length : source.file.size,
    metadataKeys: Object.keys(metadata).sort(),
    overwrite,
    ...(labels === undefined ? {} : { labels }),
  };
}

function refuseTooMany(length: number, chunking: ChunkSettings): void {
  if (areTooMany(length, chunking)) throw new CatalogueError(chunkErrors.tooMany);
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
