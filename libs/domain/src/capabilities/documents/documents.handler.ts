import { CatalogueError, mayPass, type ErrorRow } from '../../kernel/errors.js';
import { defineJob, type JobAttempt } from '../../kernel/job.js';
import type { JsonObject } from '../../kernel/schema.js';
import type { DocumentCommand } from './document-commands.decider.js';
import {
  documentErrors,
  documents,
  documentSubject,
  isInProgress,
  type DocumentState,
  type PresentDocument,
} from './documents.decider.js';
import type { ChunkVersion, DocumentPorts, IndexedChunks, IngestProgress } from './documents.ports.js';

export type IngestData = { readonly tenantId: string; readonly documentId: string; readonly jobId: string };
export type PurgeData = {
  readonly tenantId: string;
  readonly documentId: string;
  readonly contentIds: readonly string[];
};
export type DescribeData = PurgeData;

/** A start that was not told of by then is told of. */
const SOON_MS = 2_000;

/** Chunks are written before the event that names their version, and older versions are dropped after it. */
export const ingestDocument = defineJob<IngestData, DocumentPorts>({
  name: 'documents.ingest',
  retryLimit: 3,
  retryDelaySeconds: 1,
  timeoutSeconds: 7_200,
  concurrency: 4,
  budget: 'ingest',
  fair: true,
  handle: async (attempt, ports) => {
    const { tenantId, documentId, jobId } = attempt.data;
    const state = await ports.commands.load(documents, tenantId, documentId);
    const isDue = isInProgress(state) && state.jobId === jobId;
    if (isDue) await ingestOrRemove(attempt, ports, state);
    const left = isDue ? await describeAnew(attempt.data, state, ports) : state;
    // The first version of a document has no other beside it.
    const isFirst = isDue && attempt.attempt === 1 && state.indexVersion === null && left.status !== 'absent';
    if (!isFirst) await dropUnneeded(tenantId, documentId, ports);
    if (isDue && left.status !== 'absent') await ports.chunks.tidy(tenantId, state.corpusId);
  },
});

/** Short texts have a queue of their own: many are less work than a file, and the more there are, the more share a statement. */
export const ingestShortText = defineJob<IngestData, DocumentPorts>({
  ...ingestDocument,
  name: 'documents.ingest-short-text',
  perPlace: 32,
});

/**
 * What is written is looked at before what is needed, so that a version that another job begins meanwhile is left alone.
 * A version whose successor no reader sees yet is left to the sweep; a deleted document's goes at once.
 */
async function dropUnneeded(tenantId: string, documentId: string, ports: DocumentPorts): Promise<DocumentState> {
  const written = await ports.chunks.versionsOf(tenantId, documentId);
  const state = await ports.commands.load(documents, tenantId, documentId);
  for (const versionId of written) {
    if (needs(state, versionId)) continue;
    if (state.status !== 'absent' && !(await ports.chunks.retired(tenantId, documentId, versionId))) continue;
    await ports.chunks.dropVersion(tenantId, documentId, versionId);
  }
  return state;
}

/** A version is needed while it answers questions, and while its job is under way. */
export function needs(state: DocumentState, versionId: string): boolean {
  if (state.status === 'absent') return false;
  return state.indexVersion === versionId || (isInProgress(state) && state.jobId === versionId);
}

/** A document that was handed in while its corpus was deleted goes after it. */
async function ingestOrRemove(
  attempt: JobAttempt<IngestData>,
  ports: DocumentPorts,
  state: PresentDocument,
): Promise<void> {
  const { tenantId, documentId } = attempt.data;
  if (await ports.corpora.exists(tenantId, state.corpusId)) return ingest(attempt, ports, state);
  const remove: DocumentCommand = { type: 'DeleteDocument', data: { evenInProgress: true } };
  await ports.commands.run(documents, tenantId, documentId, remove, `${attempt.id}:orphan`);
}

async function ingest(attempt: JobAttempt<IngestData>, ports: DocumentPorts, state: PresentDocument): Promise<void> {
  const { tenantId, documentId, jobId } = attempt.data;
  const ref = { jobId, startedAt: attempt.startedAt };
  const run = (command: DocumentCommand, step: string): Promise<void> =>
    ports.commands.run(documents, tenantId, documentId, command, `${attempt.id}:${step}`);
  const fail = ({ title, code }: ErrorRow): Promise<void> =>
    run({ type: 'FailIngestion', data: { ...ref, reason: title, code } }, 'fail');
  let started: Promise<void> | undefined;
  const start = (): Promise<void> => (started ??= run({ type: 'StartProcessing', data: ref }, 'start'));
  // What is over sooner is told of at once: its start with its end. Whatever fails here fails there again.
  attempt.whenLasting(SOON_MS, () => void start().catch(() => undefined));
  try {
    const indexed = await index(attempt, ports, state, async (progress) => {
      await start();
      await run({ type: 'ReportProgress', data: { jobId, ...progress } }, `${progress.stage}:${progress.done}`);
    });
    if (indexed === undefined) return await fail(documentErrors.textMissing);
    await run({ type: 'CompleteIndexing', data: { ...ref, ...indexed } }, 'complete');
  } catch (error) {
    if (error instanceof CatalogueError && !mayPass(error)) return fail(error.row);
    if (!attempt.lastAttempt) throw error;
    await fail(documentErrors.failedRepeatedly);
  }
}

async function index(
  { data, signal }: JobAttempt<IngestData>,
  ports: DocumentPorts,
  state: PresentDocument,
  tell: (progress: IngestProgress) => Promise<void>,
): Promise<IndexedChunks | undefined> {
  const { tenantId, documentId, jobId } = data;
  const { content, form, contentType, corpusId, chunking } = state;
  const { id: subjectId } = documentSubject(tenantId, documentId, state.deletions);
  const metadata = await metadataOf(tenantId, state, ports);
  const target = { tenantId, corpusId, documentId, versionId: jobId, subjectId, metadata };
  const source = { contentId: content.id, form, contentType };
  return ports.chunks.index(target, source, chunking, { signal, tell });
}

/** What was changed while a document was being indexed was overwritten by what it began with. Gives its state now. */
async function describeAnew(data: IngestData, before: PresentDocument, ports: DocumentPorts): Promise<DocumentState> {
  const now = await ports.commands.load(documents, data.tenantId, data.documentId);
  if (now.status !== 'absent' && now.metadata?.id !== before.metadata?.id) await describe(data, now, ports);
  return now;
}

async function describe(
  { tenantId, documentId }: Omit<IngestData, 'jobId'>,
  state: PresentDocument,
  ports: DocumentPorts,
): Promise<void> {
  await ports.chunks.describe(tenantId, documentId, await metadataOf(tenantId, state, ports));
}

async function metadataOf(tenantId: string, { metadata }: PresentDocument, ports: DocumentPorts): Promise<JsonObject> {
  const bytes = metadata === null ? undefined : await ports.content.get(tenantId, metadata.id);
  return bytes === undefined ? {} : (JSON.parse(new TextDecoder().decode(bytes)) as JsonObject);
}

/** Brings a changed metadata to the versions that answer questions, without embedding anything anew. */
export const describeDocument = defineJob<DescribeData, DocumentPorts>({
  name: 'documents.describe',
  retryLimit: 10,
  retryDelaySeconds: 1,
  timeoutSeconds: 60,
  concurrency: 4,
  handle: async ({ data }, ports) => {
    const state = await ports.commands.load(documents, data.tenantId, data.documentId);
    if (state.status !== 'absent') await describe(data, state, ports);
    for (const contentId of data.contentIds) await ports.content.delete(data.tenantId, contentId);
  },
});

/** Removes texts that were replaced or deleted, and the chunks and keys of every deleted life of the document. */
export const purgeDocument = defineJob<PurgeData, DocumentPorts>({
  name: 'documents.purge',
  retryLimit: 10,
  retryDelaySeconds: 2,
  timeoutSeconds: 300,
  concurrency: 2,
  handle: async ({ data }, ports) => {
    for (const contentId of data.contentIds) await ports.content.delete(data.tenantId, contentId);
    const { deletions } = await dropUnneeded(data.tenantId, data.documentId, ports);
    for (let life = deletions - 1; life >= 0; life -= 1) {
      if (!(await ports.keys.destroy(documentSubject(data.tenantId, data.documentId, life)))) return;
    }
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
  return needs(state, versionId) || !(await ports.chunks.retired(tenantId, documentId, versionId));
}

/** All that is done with documents behind the caller's back. */
export const documentJobs = [ingestDocument, ingestShortText, describeDocument, purgeDocument, sweepChunks];
