import { indexedText, type EvaluationQuery, type Found, type Qrels } from '#infra/retrieval/evaluation.js';
import { testDocuments, type TestSet } from '#infra/retrieval/test-set.js';
import { ensureCorpus, ingest } from '../commands/documents.js';
import { Progress } from '../output.js';
import type { Session } from '../session.js';
import type { IngestionReport } from './ingestion.js';
import { documentIdOf, type SourceDocument } from './sources.js';

export interface TestCorpus {
  readonly tenantId: string;
  readonly corpusId: string;
}

interface Answered {
  readonly id: string;
  readonly ms: number;
  readonly found: readonly Found[];
  /** Why it is less than it could be, by stable codes. */
  readonly degraded: readonly string[];
}

export interface Measured {
  readonly ingestion: IngestionReport;
  /** How long it took to bring the corpus in line with the folder. */
  readonly seconds: number;
  /** Documents that are not in the folder any more. */
  readonly removed: number;
  /** Documents of the corpus that never were in the folder. */
  readonly others: number;
  /** By query id. */
  readonly answers: ReadonlyMap<string, Answered>;
}

/** Enough passages that ten different documents are among them. */
const PASSAGES = 50;
/** So few that the longest queries, of 32,000 characters, fit into one request. */
const BATCH = 10;

/** Brings the corpus in line with the test set, and asks it each judged query. */
export async function measure(session: Session, set: TestSet, corpus: TestCorpus): Promise<Measured> {
  const { tenantId, corpusId } = corpus;
  const started = Date.now();
  await ensureCorpus(session, tenantId, corpusId);
  const ingestion = await ingest(session, documentsOf(set, corpusId), set.documentIds.size, {
    tenantId,
    corpusId,
    overwrite: 'changed',
    concurrency: 16,
    wait: true,
    patienceMs: 60_000,
  });
  const [failure] = ingestion.failures;
  if (failure !== undefined)
    throw new Error(`${ingestion.failed} documents failed: ${failure.origin}: ${failure.reason}`);
  if (ingestion.gaveUp !== null) throw new Error(ingestion.gaveUp);
  const rest = await removeRest(session, set, corpus);
  const seconds = (Date.now() - started) / 1_000;
  return { ingestion, seconds, ...rest, answers: await askAll(session, set.queries, corpus) };
}

/** The judgements, with documents as the API names them. */
export function publicQrels({ qrels }: TestSet, corpusId: string): Qrels {
  const renamed = (grades: ReadonlyMap<string, number>): ReadonlyMap<string, number> =>
    new Map([...grades].map(([id, grade]) => [publicId(corpusId, id), grade] as const));
  return new Map([...qrels].map(([query, grades]) => [query, renamed(grades)] as const));
}

/** Ids are the tenant's, so that those of a test set begin with its corpus; no id of a corpus holds the sign between them. */
function publicId(corpusId: string, id: string): string {
  return documentIdOf(`${prefixOf(corpusId)}${id}`);
}

function prefixOf(corpusId: string): string {
  return `${documentIdOf(corpusId)}@`;
}

async function* documentsOf({ corpus }: TestSet, corpusId: string): AsyncGenerator<SourceDocument> {
  for await (const { id, title, text, line } of testDocuments(corpus)) {
    yield {
      documentId: publicId(corpusId, id),
      origin: `${corpus}:${line}`,
      filename: 'corpus.jsonl',
      text: indexedText({ title, text }),
      metadata: title === '' ? {} : { title },
    };
  }
}

/** Removes what earlier came from the folder and is not there now. What came from elsewhere is only counted. */
async function removeRest(
  session: Session,
  set: TestSet,
  { tenantId, corpusId }: TestCorpus,
): Promise<Pick<Measured, 'removed' | 'others'>> {
  const present = new Set([...set.documentIds].map((id) => publicId(corpusId, id)));
  const gone: string[] = [];
  let others = 0;
  const args = { tenant: tenantId, corpus: corpusId };
  for await (const ids of session.client().operation<readonly string[]>('documents.ids', args)) {
    const rest = ids.filter((id) => !present.has(id));
    const own = rest.filter((id) => id.startsWith(prefixOf(corpusId)));
    gone.push(...own);
    others += rest.length - own.length;
  }
  for (const id of gone) await session.client(tenantId).call('DELETE', `/v1/documents/${encodeURIComponent(id)}`);
  return { removed: gone.length, others };
}

async function askAll(
  session: Session,
  queries: readonly EvaluationQuery[],
  { tenantId: tenant, corpusId: corpus }: TestCorpus,
): Promise<ReadonlyMap<string, Answered>> {
  const bar = new Progress('queries');
  const answers = new Map<string, Answered>();
  try {
    for (let at = 0; at < queries.length; at += BATCH) {
      const asked = queries.slice(at, at + BATCH).map(({ id, text }) => ({ id, text }));
      const args = { tenant, corpus, k: PASSAGES, queries: asked };
      for await (const answer of session.client().operation<Answered>('eval.search', args)) {
        answers.set(answer.id, answer);
        bar.show(answers.size, queries.length);
      }
    }
  } finally {
    bar.end();
  }
  return answers;
}
