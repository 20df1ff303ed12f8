import { setTimeout as delay } from 'node:timers/promises';
import type { CommandPort } from '#domain/kernel/ports.js';
import { ProjectionWaiter } from '#infra/projections/waiter.js';
import type { Platform } from './platform.js';

interface Place {
  readonly tenantId: string;
  readonly corpusId: string;
}

const SHOWN_WAIT_MS = 5_000;
const AT_ONCE = 100;

/** The documents of a corpus that is gone: found in their read model, deleted one by one in their streams. */
export function corpusDocumentsPort({ database, progress, options }: Platform, commands: CommandPort) {
  const { documents, removeDocument } = options.corpora;
  const waiter = new ProjectionWaiter({ database, progress });
  const listed = `select id from ${options.documentsView} where tenant_id = $1 and corpus_id = $2 order by id limit ${AT_ONCE}`;
  return {
    shownUpTo: async (position: string): Promise<boolean> =>
      (await waiter.waitFor(documents, position, SHOWN_WAIT_MS)).reached,
    removeSome: async ({ tenantId, corpusId }: Place, jobId: string, signal: AbortSignal): Promise<boolean> => {
      const rows = await database.query<{ id: string }>(listed, [tenantId, corpusId]);
      for (const { id: documentId } of rows) {
        signal.throwIfAborted();
        await removeDocument(commands, { tenantId, documentId }, `${jobId}:${documentId}`);
      }
      // Rows of documents that are gone by now are shown for a moment.
      if (rows.length > 0) await delay(20);
      return rows.length > 0;
    },
  };
}
