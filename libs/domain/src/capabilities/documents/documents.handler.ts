import { defineJob, type JobAttempt } from '../../kernel/job.js';
import type { JsonObject } from '../../kernel/schema.js';
import { documents, isInProgress, type DocumentCommand, type PresentDocument } from './documents.decider.js';
import type { ChunkVersion, DocumentPorts } from './documents.ports.js';

export type IngestData = { readonly tenantId: string; readonly documentId: string; readonly jobId: string };
export type PurgeData = {
  readonly tenantId: string;
  readonly documentId: string;
  readonly contentIds: readonly string[];
};

/** Chunks are written before the event that names their version, and older versions are dropped after it. */
export const ingestDocument = defineJob<IngestData, DocumentPorts>({
  name: 'documents.ingest',
  retryLimit: 3,
  retryDelaySeconds: 1,
  timeoutSeconds: 600,
  concurrency: 4,
  handle: async (attempt, ports) => {
    const { tenantId, documentId, jobId } = attempt.data;
    const state = await ports.commands.load(documents, tenantId, documentId);
    if (state.status === 'absent' || state.jobId !== jobId) {
      await ports.chunks.dropVersions(tenantId, documentId, state.status === 'absent' ? undefined : state.jobId);
      return;
    }
    if (state.status === 'queued' || state.status === 'processing') await ingest(attempt, ports, state);
    const after = await ports.commands.load(documents, tenantId, documentId);
    if (after.status === 'succeeded' && after.jobId === jobId) {
      await ports.chunks.dropVersions(tenantId, documentId, jobId);
    }
  },
});

async function ingest(attempt: JobAttempt<IngestData>, ports: DocumentPorts, state: PresentDocument): Promise<void> {
  const { tenantId, documentId, jobId } = attempt.data;
  const run = (command: DocumentCommand, step: string): Promise<void> =>
    ports.commands.run(documents, tenantId, documentId, command, `${attempt.id}:${step}`);
  await run({ type: 'StartProcessing', data: { jobId } }, 'start');
  try {
    const bytes = await ports.content.get(tenantId, state.content.id);
    if (bytes === undefined) {
      await run({ type: 'FailIngestion', data: { jobId, reason: 'the stored text is missing' } }, 'fail');
      return;
    }
    const target = { tenantId, corpusId: state.corpusId, documentId, versionId: jobId };
    const indexed = await ports.chunks.index(target, textOf(bytes), state.chunking, attempt.signal);
    await run({ type: 'CompleteIndexing', data: { jobId, ...indexed } }, 'complete');
  } catch (error) {
    if (!attempt.lastAttempt) throw error;
    await run({ type: 'FailIngestion', data: { jobId, reason: 'ingestion failed repeatedly' } }, 'fail');
  }
}

interface StoredDocument {
  readonly text: string;
}

/** The stored form of a document: JSON with its text and its metadata. */
function textOf(bytes: Uint8Array): string {
  return (JSON.parse(new TextDecoder().decode(bytes)) as StoredDocument).text;
}

/** Removes texts that were replaced or deleted; chunks and key too, unless the document was submitted again meanwhile. */
export const purgeDocument = defineJob<PurgeData, DocumentPorts>({
  name: 'documents.purge',
  retryLimit: 10,
  retryDelaySeconds: 2,
  timeoutSeconds: 300,
  concurrency: 2,
  handle: async ({ data }, ports) => {
    for (const contentId of data.contentIds) await ports.content.delete(data.tenantId, contentId);
    const state = await ports.commands.load(documents, data.tenantId, data.documentId);
    if (state.status !== 'absent') return;
    await ports.chunks.dropVersions(data.tenantId, data.documentId, undefined);
    await ports.keys.destroy({ tenantId: data.tenantId, kind: 'document', id: data.documentId });
  },
});

/** Removes chunks that answer no question and never will: of jobs that died for good. */
export const sweepChunks = defineJob<JsonObject, DocumentPorts>({
  name: 'documents.sweep-chunks',
  retryLimit: 1,
  retryDelaySeconds: 30,
  timeoutSeconds: 3_600,
  concurrency: 1,
  cron: '41 * * * *',
  handle: async (_attempt, ports) => {
    await ports.chunks.sweep((versions) => Promise.all(versions.map((version) => isCurrent(version, ports))));
  },
});

async function isCurrent({ tenantId, documentId, versionId }: ChunkVersion, ports: DocumentPorts): Promise<boolean> {
  const state = await ports.commands.load(documents, tenantId, documentId);
  if (state.status === 'absent') return false;
  return state.indexVersion === versionId || (isInProgress(state) && state.jobId === versionId);
}
