import { Injectable } from '@nestjs/common';
import { documentErrors } from '#domain/capabilities/documents/documents.decider.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { filterJson, type MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { DocumentAccess } from '#api/commands/document-access.js';
import { ShownDocuments, type DocumentRow as Row } from '#api/commands/shown-documents.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus, visibleCorpora } from '#api/http/corpus-scope.js';
import { Page } from '#api/http/paging.js';
import { filterInText } from '#api/http/filters.js';
import { idFor } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import { filterSql } from '#infra/retrieval/filter-sql.js';
import type { Matching } from '#infra/read-models/conditions.js';
import type { DocumentListQuery, DocumentView } from './documents.contract.js';

/** The stream of a document, and the id of its row. */
export function documentUid(tenantId: string, documentId: string): string {
  return idFor('documents', tenantId, documentId);
}

/** What is known of documents, for one tenant at a time. */
@Injectable()
export class DocumentQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly shown: ShownDocuments,
    private readonly access: DocumentAccess,
    private readonly content: ContentStore,
  ) {}

  async list(query: DocumentListQuery, caller: CallerContext): Promise<Page<DocumentView>> {
    await this.shown.before(caller);
    const corpusId = visibleCorpora(caller, query.corpus_id);
    const { rows, next } = await this.models.for(documentRows).page(caller.tenantId, {
      ...(corpusId === undefined ? {} : { where: { corpus_id: corpusId } }),
      matching: matchingOf(filterInText(query.filter)),
      visible: await this.access.readable(caller),
      orderBy: [['created_at', 'asc']],
      limit: query.limit,
      cursor: query.cursor,
    });
    const metadata = await this.metadataOf(rows, caller);
    return new Page(
      rows.map((row) => viewOf(row, null, metadata(row))),
      next,
    );
  }

  async get(documentId: string, caller: CallerContext): Promise<DocumentView> {
    const row = await this.find(documentId, caller);
    await this.access.read(row, caller);
    return this.view(row, caller);
  }

  /** Refuses whom a document may not be shown. */
  async requireReadable(documentId: string, caller: CallerContext): Promise<void> {
    await this.access.read(await this.find(documentId, caller), caller);
  }

  /** A document, for who could read it and has changed it: what they said themselves is no secret to them. */
  async changed(documentId: string, caller: CallerContext): Promise<DocumentView> {
    return this.view(await this.find(documentId, caller), caller);
  }

  private async find(documentId: string, caller: CallerContext): Promise<Row> {
    const row = await this.shown.find(documentUid(caller.tenantId, documentId), caller);
    if (row === undefined || !seesCorpus(caller, row.corpus_id)) throw new CatalogueError(documentErrors.notFound);
    return row;
  }

  private async view(row: Row, caller: CallerContext): Promise<DocumentView> {
    const metadata = await this.metadataOf([row], caller);
    return viewOf(row, row.status === 'succeeded' ? row.num_chunks : null, metadata(row));
  }

  /** What was said of these documents; nothing where the key was destroyed. */
  private async metadataOf(rows: readonly Row[], { tenantId }: CallerContext): Promise<(row: Row) => JsonObject> {
    const ids = rows.map((row) => row.metadata_content_id).filter((id) => id !== null);
    const contents = await this.content.getMany(tenantId, ids);
    return ({ metadata_content_id: id, content_id: source }) => {
      const bytes = id === null ? undefined : contents.get(id);
      if (bytes === undefined) return {};
      const said = JSON.parse(new TextDecoder().decode(bytes)) as JsonObject;
      // Documents of the first versions of their event keep it beside their text.
      return id === source ? (said['metadata'] as JsonObject) : said;
    };
  }
}

/** The metadata stands beside the version that answers; a document that has none yet has no metadata. */
function matchingOf(filter: MetadataFilter | undefined): Matching | undefined {
  if (filter === undefined) return undefined;
  const metadata = `(select v.metadata from retrieval.version v
    where v.tenant_id = t.tenant_id and v.document_id = t.id and v.version_id = t.index_version)`;
  return { name: filterJson(filter), sql: (document, next) => filterSql(filter, { document, metadata }, next) };
}

function viewOf(row: Row, numChunks: number | null, metadata: JsonObject): DocumentView {
  return {
    id: row.document_id,
    tenant_id: row.tenant_id,
    corpus_id: row.corpus_id,
    filename: row.filename,
    content_type: row.content_type,
    source: row.ingest_source,
    ingest_source: row.ingest_source,
    status: row.status,
    failure_reason: row.failure_reason,
    failure_code: row.failure_code,
    progress: row.progress as DocumentView['progress'],
    labels: row.labels as JsonObject,
    metadata_json: metadata,
    created_at: row.created_at,
    updated_at: row.updated_at,
    queued_at: row.queued_at,
    processing_started_at: row.processing_started_at,
    completed_at: row.completed_at,
    last_reindexed_at: row.last_reindexed_at,
    last_job_id: row.last_job_id,
    num_chunks: numChunks,
  };
}
