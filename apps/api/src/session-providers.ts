import type { Provider } from '@nestjs/common';
import { DocumentChunkCipher } from '#infra/crypto/chunk-cipher.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import { ChunkReader } from '#infra/retrieval/chunk-reader.js';
import type { AppDeps } from './app.module.js';
import { ChunkQueries } from './capabilities/documents/document-chunks.queries.js';
import { DocumentQueries } from './capabilities/documents/documents.queries.js';
import { FeedbackComments } from './capabilities/feedback/feedback.adapter.js';
import { FeedbackQueries } from './capabilities/feedback/feedback.queries.js';
import { RunRecords } from './capabilities/runs/run-records.queries.js';
import { SessionQueries } from './capabilities/sessions/sessions.queries.js';
import { SessionTitles } from './capabilities/sessions/session-titles.adapter.js';
import { Authorization } from './commands/authorization.js';
import { DocumentAccess } from './commands/document-access.js';
import { ReadYourWrites } from './commands/read-your-writes.js';
import { ShownDocuments } from './commands/shown-documents.js';

/** What the endpoints of conversations, and of what their answers cite, are given. */
export function sessionProviders({ platform }: AppDeps): Provider[] {
  const { content, database, keys } = platform;
  const chunks = new ChunkReader(database, new DocumentChunkCipher(keys));
  return [
    {
      provide: DocumentQueries,
      inject: [ReadModels, ShownDocuments, DocumentAccess],
      useFactory: (models: ReadModels, shown: ShownDocuments, access: DocumentAccess) =>
        new DocumentQueries(models, shown, access, content),
    },
    {
      provide: ChunkQueries,
      inject: [DocumentQueries, ReadModels],
      useFactory: (documents: DocumentQueries, models: ReadModels) => new ChunkQueries(documents, models, chunks),
    },
    {
      provide: RunRecords,
      inject: [ReadModels, ReadYourWrites, Authorization],
      useFactory: (models: ReadModels, reads: ReadYourWrites, authorization: Authorization) =>
        new RunRecords(models, reads, content, authorization),
    },
    { provide: FeedbackComments, useValue: new FeedbackComments(content) },
    {
      provide: FeedbackQueries,
      inject: [ReadModels, ReadYourWrites, Authorization],
      useFactory: (models: ReadModels, reads: ReadYourWrites, authorization: Authorization) =>
        new FeedbackQueries(models, reads, content, authorization),
    },
    { provide: SessionTitles, useValue: new SessionTitles(content) },
    {
      provide: SessionQueries,
      inject: [ReadModels, ReadYourWrites, Authorization],
      useFactory: (models: ReadModels, reads: ReadYourWrites, authorization: Authorization) =>
        new SessionQueries(models, reads, content, authorization),
    },
  ];
}
