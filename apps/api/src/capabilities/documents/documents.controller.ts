import { Body, Controller, Param, Query } from '@nestjs/common';
import { documentDenials } from '#domain/capabilities/authorization/authorization.decider.js';
import { documentAclRows } from '#domain/capabilities/authorization/authorization.projection.js';
import { corpusErrors } from '#domain/capabilities/corpora/corpora.decider.js';
import { documentErrors } from '#domain/capabilities/documents/documents.decider.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { rolloutErrors } from '#domain/capabilities/rollouts/rollouts.decider.js';
import { filterErrors } from '#domain/kernel/filter/filter-limits.js';
import { chunkErrors } from '#domain/kernel/text/chunker.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { CorpusScope } from '#api/http/corpus-scope.js';
import { Endpoint } from '#api/http/endpoint.js';
import { Page } from '#api/http/paging.js';
import { Upload, type UploadedFile } from '#api/http/upload.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { parsingErrors } from '#infra/parsing/parsing-errors.js';
import { chunkingOf, labelsOf, objectIn } from './document-details.adapter.js';
import { checkText, sourceOf } from './document-source.adapter.js';
import {
  DocumentAccepted,
  DocumentListQuery,
  DocumentTextRequest,
  DocumentUploadRequest,
  DocumentView,
  PatchDocumentRequest,
  ReindexRequest,
} from './documents.contract.js';
import { DocumentIntake, type Accepted } from './documents.handler.js';
import { DocumentQueries } from './documents.queries.js';

const MAX_UPLOAD_BYTES = 1024 * 1024 * 1024;
const MAX_TEXT_BYTES = 10 * 1024 * 1024;
const MAX_FILENAME = 512;
const waitsFor = [documentRows.table, documentAclRows.table];
const intakeRefuses = [
  ...documentDenials,
  corpusErrors.notFound,
  documentErrors.otherCorpus,
  documentErrors.invalid,
  chunkErrors.settingsInvalid,
  chunkErrors.tooMany,
  rolloutErrors.disabled,
] as const;

@Controller('documents')
export class DocumentsController {
  constructor(
    private readonly intake: DocumentIntake,
    private readonly queries: DocumentQueries,
    private readonly scope: CorpusScope,
  ) {}

  @Endpoint('POST /', {
    does: 'Upload a document; 202 when it was queued, 200 when it was known',
    role: 'editor',
    audit: 'documents.ingest.enqueued',
    also: [202],
    returns: DocumentAccepted,
    waitsFor,
    waitsLater: true,
    refusesTenantId: true,
    upload: { maxBytes: MAX_UPLOAD_BYTES },
    refuses: [...intakeRefuses, documentErrors.unsupportedType, parsingErrors.mistyped, parsingErrors.charset],
  })
  async upload(
    @Body() body: DocumentUploadRequest,
    @Upload() file: UploadedFile,
    @Caller() caller: CallerContext,
  ): Promise<DocumentAccepted> {
    await this.scope.require(body.corpus_id, caller);
    const source = sourceOf(file);
    const metadata = objectIn('metadata_json', body.metadata_json) ?? {};
    const accepted = await this.intake.submit(
      {
        source,
        corpusId: body.corpus_id,
        documentId: body.document_id,
        filename: file.filename === '' ? 'upload' : file.filename.slice(0, MAX_FILENAME).toWellFormed(),
        ingestSource: 'upload_file',
        metadata,
        labels: labelsOf(objectIn('labels', body.labels), metadata),
        chunking: chunkingOf(body),
        overwrite: body.overwrite,
      },
      caller,
    );
    return answer(accepted, caller);
  }

  @Endpoint('POST /text', {
    does: 'Ingest raw text; 202 when it was queued, 200 when it was known',
    maxBodyBytes: MAX_TEXT_BYTES,
    role: 'editor',
    audit: 'documents.ingest.enqueued',
    also: [202],
    returns: DocumentAccepted,
    waitsFor,
    waitsLater: true,
    refusesTenantId: true,
    refuses: intakeRefuses,
  })
  async text(@Body() body: DocumentTextRequest, @Caller() caller: CallerContext): Promise<DocumentAccepted> {
    await this.scope.require(body.corpus_id, caller);
    const accepted = await this.intake.submit(
      {
        source: { form: 'text', text: checkText(body.text, body.allow_empty), contentType: 'text/plain' },
        corpusId: body.corpus_id,
        documentId: body.document_id,
        filename: body.filename,
        ingestSource: 'raw_text',
        metadata: body.metadata_json,
        labels: labelsOf(body.labels, body.metadata_json),
        chunking: chunkingOf(body),
        overwrite: body.overwrite,
      },
      caller,
    );
    return answer(accepted, caller);
  }

  @Endpoint('GET /', {
    does: 'List documents, oldest first',
    role: 'reader',
    returns: [DocumentView],
    refuses: [filterErrors.invalid, filterErrors.tooComplex, policyQueryErrors.tooLarge],
  })
  list(@Query() query: DocumentListQuery, @Caller() caller: CallerContext): Promise<Page<DocumentView>> {
    return this.queries.list(query, caller);
  }

  @Endpoint('GET /:documentId', {
    does: 'Get a document with its state',
    role: 'reader',
    returns: DocumentView,
    refuses: [documentErrors.notFound, ...documentDenials],
  })
  get(@Param('documentId') documentId: string, @Caller() caller: CallerContext): Promise<DocumentView> {
    return this.queries.get(documentId, caller);
  }

  @Endpoint('PATCH /:documentId', {
    does: 'Change the labels or the metadata of a document; nothing is embedded anew',
    role: 'editor',
    audit: 'documents.details.changed',
    returns: DocumentView,
    waitsFor,
    refuses: [documentErrors.notFound, documentErrors.invalid, ...documentDenials],
  })
  async patch(
    @Param('documentId') documentId: string,
    @Body() body: PatchDocumentRequest,
    @Caller() caller: CallerContext,
  ): Promise<DocumentView> {
    // It answers with the document: refused to who may not read it before anything is changed, not after.
    await this.queries.requireReadable(documentId, caller);
    await this.intake.change(documentId, body, caller);
    return this.queries.changed(documentId, caller);
  }

  @Endpoint('POST /:documentId/reindex', {
    does: 'Cut, embed and index a document anew; its old chunks answer until then',
    role: 'editor',
    status: 202,
    audit: 'documents.reindex.enqueued',
    returns: DocumentAccepted,
    waitsFor,
    refuses: [
      ...documentDenials,
      documentErrors.notFound,
      documentErrors.inProgress,
      documentErrors.sourceMissing,
      chunkErrors.settingsInvalid,
      chunkErrors.tooMany,
      rolloutErrors.disabled,
    ],
  })
  reindex(
    @Param('documentId') documentId: string,
    @Body() body: ReindexRequest,
    @Caller() caller: CallerContext,
  ): Promise<DocumentAccepted> {
    return this.intake.reindex(documentId, chunkingOf(body), caller);
  }

  @Endpoint('DELETE /:documentId', {
    does: 'Delete a document with its text, its chunks and its key',
    role: 'editor',
    audit: 'documents.deleted',
    waitsFor,
    refuses: [documentErrors.notFound, documentErrors.inProgress, ...documentDenials],
  })
  remove(@Param('documentId') documentId: string, @Caller() caller: CallerContext): Promise<void> {
    return this.intake.remove(documentId, caller);
  }
}

function answer(accepted: Accepted, caller: CallerContext): DocumentAccepted {
  if (accepted.queued) caller.setStatus(202);
  return accepted.answer;
}
