import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { documentUid, type DocumentQueries } from './documents.queries.js';
import type { CallerContext } from '#api/http/caller.js';
import { decodeCursor, encodeCursor, Page, type PageQuery } from '#api/http/paging.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { ChunkReader, StoredChunk } from '#infra/retrieval/chunk-reader.js';
import type { ChunkTextView, ChunkView } from './document-chunks.contract.js';

export const chunkErrors = defineErrors('chunks', {
  notFound: ['not_found', 'NOT_FOUND', 'The document has no such chunk any more'],
});

const chunkId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What a document was cut into, for whoever may read the document. */
export class ChunkQueries {
  constructor(
    private readonly documents: DocumentQueries,
    private readonly models: ReadModels,
    private readonly chunks: ChunkReader,
  ) {}

  /** The chunks that answer questions now; none before the first indexing. */
  async list(documentId: string, { limit, cursor }: PageQuery, caller: CallerContext): Promise<Page<ChunkView>> {
    const row = await this.readable(documentId, caller);
    const versionId = row?.index_version ?? null;
    const filters = ['chunks', caller.tenantId, documentId, versionId];
    const after = Number(decodeCursor(cursor, filters)?.[0] ?? -1);
    if (row === undefined || versionId === null) return new Page([], null);
    const version = { tenantId: caller.tenantId, documentUid: row.id, versionId };
    const found = await this.chunks.list(version, after, limit + 1);
    return Page.of(found, limit, { view: placeOf, cursor: ({ ordinal }) => encodeCursor([ordinal], filters) });
  }

  /** A chunk by the id that a citation has; one of an earlier indexing as long as it is stored. */
  async get(documentId: string, id: string, caller: CallerContext): Promise<ChunkTextView> {
    const row = await this.readable(documentId, caller);
    const found =
      row === undefined || !chunkId.test(id) ? undefined : await this.chunks.find(caller.tenantId, row.id, id);
    if (row === undefined || found === undefined) throw new CatalogueError(chunkErrors.notFound);
    return {
      ...placeOf(found),
      document_id: row.document_id,
      corpus_id: row.corpus_id,
      text: found.text,
      previous_id: found.previousId,
      next_id: found.nextId,
      current: found.versionId === row.index_version,
    };
  }

  /** Refuses what the caller may not read as the document itself would be. */
  private async readable(
    documentId: string,
    caller: CallerContext,
  ): Promise<RowOf<typeof documentRows.columns> | undefined> {
    await this.documents.get(documentId, caller);
    return this.models.for(documentRows).find(caller.tenantId, documentUid(caller.tenantId, documentId));
  }
}

function placeOf({ chunkId: id, ordinal, start, end, pages }: StoredChunk) {
  const [page_start, page_end] = [pages?.first ?? null, pages?.last ?? null];
  return { id, ordinal, start, end, size: end - start, page_start, page_end };
}
