import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import {
  evaluate,
  indexedText,
  readEvaluationSet,
  type EvaluationSet,
  type Found,
} from '#infra/retrieval/evaluation.js';
import { outputOf, subcommand, tenantIdIn, type Common } from '../command.js';
import { documentIdOf, type SourceDocument } from '../documents/sources.js';
import { Progress } from '../output.js';
import { UsageError } from '../operations/operation.js';
import { demoTenantId } from '../seed/demo-documents.js';
import { withClient, type Session } from '../session.js';
import { ensureCorpus, ingest } from './documents.js';

interface EvalOptions extends Common {
  readonly corpus?: string;
  readonly tenant: string;
}

interface Answered {
  readonly id: string;
  readonly ms: number;
  readonly found: readonly Found[];
}

/** Enough passages that ten different documents are among them. */
const PASSAGES = 50;
const BATCH = 50;

export function evalCommand(program: Command): void {
  subcommand(
    program,
    'eval <folder>',
    'measure retrieval on a test set in the layout of BEIR: nDCG@10, recall@10, MRR',
    ['eval datasets/cranfield', 'eval datasets/scifact --corpus eval-scifact --json'],
    'The folder holds corpus.jsonl, queries.jsonl, and qrels.tsv or qrels/test.tsv. Its documents go into a corpus of\ntheir own, eval-<folder> by default; those that are there already are not ingested again.',
  )
    .option('--corpus <id>', 'the corpus that holds the test documents')
    .option('--tenant <id>', 'the tenant', tenantIdIn, demoTenantId)
    .action((folder: string, options: EvalOptions) => run(folder, options));
}

async function run(folder: string, options: EvalOptions): Promise<void> {
  const output = outputOf(options);
  const set = await readEvaluationSet(folder).catch((error: unknown) => {
    throw new UsageError(`${folder} holds no test set: ${error instanceof Error ? error.message : String(error)}`);
  });
  const name = basename(resolve(folder));
  const corpus = options.corpus ?? `eval-${documentIdOf(name)}`;
  const { ingestion, answers, seconds } = await withClient({}, (session) =>
    measure(session, set, options.tenant, corpus),
  );
  const byText = new Map(answers.map((answer, at) => [set.queries[at]?.text, answer.found]));
  const result = await evaluate(publicIds(set), (text) => Promise.resolve(byText.get(text) ?? []));
  const times = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number): number => Math.round((times[Math.floor(times.length * share)] ?? 0) * 10) / 10;
  const report = {
    corpus,
    documents: set.corpus.length,
    ingested: ingestion.submitted,
    ingest_seconds: seconds,
    ...result,
    search_ms_p50: at(0.5),
    search_ms_p95: at(0.95),
  };
  output.item(report);
  output.fields({
    'test set': `${name}: ${report.documents} documents, ${report.queries} judged queries`,
    'nDCG@10': report.ndcg10.toFixed(4),
    'recall@10': report.recall10.toFixed(4),
    MRR: report.mrr.toFixed(4),
    ingestion: `${ingestion.submitted} new, ${ingestion.known} known, in ${seconds.toFixed(1)} s`,
    search: `p50 ${report.search_ms_p50} ms, p95 ${report.search_ms_p95} ms`,
  });
}

/** The judgements, with documents as the API names them. */
function publicIds({ queries, qrels }: EvaluationSet): Pick<EvaluationSet, 'queries' | 'qrels'> {
  const renamed = [...qrels].map(
    ([query, grades]) =>
      [query, new Map([...grades].map(([id, grade]) => [documentIdOf(id), grade] as const))] as const,
  );
  return { queries, qrels: new Map(renamed) };
}

async function measure(session: Session, set: EvaluationSet, tenantId: string, corpusId: string) {
  const started = Date.now();
  await ensureCorpus(session, tenantId, corpusId);
  const ingestion = await ingest(session, documentsOf(set), set.corpus.length, {
    tenantId,
    corpusId,
    overwrite: false,
    concurrency: 16,
    wait: true,
    patienceMs: 60_000,
  });
  if (ingestion.failed > 0 || ingestion.gaveUp !== null)
    throw new Error(ingestion.gaveUp ?? `${ingestion.failed} documents failed: ${ingestion.failures[0]?.reason ?? ''}`);
  const seconds = (Date.now() - started) / 1_000;
  return { ingestion, seconds, answers: await askAll(session, set, tenantId, corpusId) };
}

async function* documentsOf(set: EvaluationSet): AsyncGenerator<SourceDocument> {
  for (const { id, title, text } of set.corpus) {
    const metadata = title === '' ? {} : { title };
    yield {
      documentId: documentIdOf(id),
      origin: id,
      filename: 'corpus.jsonl',
      text: indexedText({ title, text }),
      metadata,
    };
  }
}

async function askAll(session: Session, set: EvaluationSet, tenant: string, corpus: string): Promise<Answered[]> {
  const bar = new Progress('queries');
  const answers: Answered[] = [];
  try {
    for (let at = 0; at < set.queries.length; at += BATCH) {
      const queries = set.queries.slice(at, at + BATCH).map(({ id, text }) => ({ id, text }));
      const args = { tenant, corpus, k: PASSAGES, queries };
      for await (const answer of session.client().operation<Answered>('eval.search', args)) {
        answers.push(answer);
        bar.show(answers.length, set.queries.length);
      }
    }
  } finally {
    bar.end();
  }
  return answers;
}
