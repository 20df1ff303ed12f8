import { Controller, Param, Query } from '@nestjs/common';
import { documentDenials } from '#domain/capabilities/authorization/authorization.decider.js';
import { documentErrors } from '#domain/capabilities/documents/documents.decider.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { Page, PageQuery } from '#api/http/paging.js';
import { ChunkTextView, ChunkView } from './document-chunks.contract.js';
import { chunkErrors, ChunkQueries } from './document-chunks.queries.js';

@Controller('documents')
export class ChunksController {
  constructor(private readonly queries: ChunkQueries) {}

  @Endpoint('GET /:documentId/chunks', {
    does: 'List what a document was cut into, in its order',
    role: 'reader',
    returns: [ChunkView],
    refuses: [documentErrors.notFound, ...documentDenials],
  })
  list(
    @Param('documentId') documentId: string,
    @Query() query: PageQuery,
    @Caller() caller: CallerContext,
  ): Promise<Page<ChunkView>> {
    return this.queries.list(documentId, query, caller);
  }

  @Endpoint('GET /:documentId/chunks/:chunkId', {
    does: 'Read a chunk, as a citation names it',
    role: 'reader',
    returns: ChunkTextView,
    refuses: [documentErrors.notFound, chunkErrors.notFound, ...documentDenials],
  })
  get(
    @Param('documentId') documentId: string,
    @Param('chunkId') chunkId: string,
    @Caller() caller: CallerContext,
  ): Promise<ChunkTextView> {
    return this.queries.get(documentId, chunkId, caller);
  }
}
