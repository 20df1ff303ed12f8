import { documents } from '#domain/capabilities/documents/documents.decider.js';
import { needs } from '#domain/capabilities/documents/documents.handler.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Drift, DriftFigures } from '#infra/retrieval/drift.js';
import { IndexDrift } from '#infra/retrieval/index-drift.js';
import type { Platform } from '#infra/platform/platform.js';
import { systemFacts } from './keys.js';
import { flag, optionalText, plain, type Operation } from './operation.js';

/** What became of a difference; null where nothing was to be done. */
export type Repair = 'queued' | 'removed' | 'in_progress' | 'gone' | null;

export type DriftItem = { readonly drift: Drift & { readonly repair: Repair } };

const REMEMBERED = 1_000;

/** Compares the index with the documents that answer questions; with `repair` it mends what differs. */
export const indexVerify: Operation = async function* ({ platform, signal }, args) {
  const { database, embeddings, index, options } = platform;
  const audit = new IndexDrift({ database, embeddings, spaces: index.spaces, documentsView: options.documentsView });
  const figures: DriftFigures = { documents: 0, versions: 0, chunks: 0 };
  const scope = { tenantId: optionalText(args, 'tenant'), corpusId: optionalText(args, 'corpus') };
  const queued = new QueuedDocuments();
  for await (const drift of audit.find(scope, figures, signal)) {
    // A read model that is behind the log is no difference of the index.
    if (drift.kind === 'version_orphaned' && (await isNeeded(platform, drift))) continue;
    const repair = flag(args, 'repair') ? await repaired(platform, audit, drift, queued) : null;
    yield plain({ drift: { ...drift, repair } });
  }
  yield { result: { ...figures } };
};

async function isNeeded({ path }: Platform, { tenantId, documentUid, versionId }: Drift): Promise<boolean> {
  if (tenantId === null || documentUid === null || versionId === null) return false;
  return needs(await path.load(documents, tenantId, documentUid), versionId);
}

/** Documents that were just queued, as long as their differences follow each other. */
class QueuedDocuments {
  private readonly uids = new Set<string>();

  has(uid: string): boolean {
    return this.uids.has(uid);
  }

  add(uid: string): void {
    if (this.uids.size >= REMEMBERED) this.uids.clear();
    this.uids.add(uid);
  }
}

async function repaired(platform: Platform, audit: IndexDrift, drift: Drift, queued: QueuedDocuments): Promise<Repair> {
  const { tenantId, documentUid, versionId, versionNo } = drift;
  if (drift.kind === 'postings_orphaned' && versionNo !== null) {
    await audit.dropPostings(versionNo);
    return 'removed';
  }
  if (tenantId === null || documentUid === null || versionId === null) return null;
  if (drift.kind === 'version_orphaned') {
    await platform.index.dropVersion(tenantId, documentUid, versionId);
    return 'removed';
  }
  // The version goes when its successor answers, and its postings with it.
  if (versionNo !== null) await audit.recallTerms(versionNo);
  return queued.has(documentUid) ? 'queued' : ingestAnew(platform, tenantId, documentUid, queued);
}

async function ingestAnew(
  { path }: Platform,
  tenantId: string,
  documentUid: string,
  queued: QueuedDocuments,
): Promise<Repair> {
  const state = await path.load(documents, tenantId, documentUid);
  if (state.status === 'absent') return 'gone';
  const facts = systemFacts(tenantId, 'index_verify');
  const { chunking } = state;
  try {
    await path.run(documents, documentUid, { type: 'ReindexDocument', data: { chunking } }, facts);
    queued.add(documentUid);
    return 'queued';
  } catch (error) {
    if (error instanceof CatalogueError && error.row.code === 'INGEST_IN_PROGRESS') return 'in_progress';
    throw error;
  }
}
