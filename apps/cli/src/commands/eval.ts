import { basename, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { evaluate, type EvaluationResult } from '#infra/retrieval/evaluation.js';
import { readTestSet, TestSetError, type TestSet } from '#infra/retrieval/test-set.js';
import { outputOf, subcommand, tenantIdIn, type Common } from '../command.js';
import { documentIdOf } from '../documents/sources.js';
import { measure, publicQrels, type Measured } from '../documents/test-corpus.js';
import { UsageError } from '../operations/operation.js';
import type { Output } from '../output.js';
import { demoTenantId } from '../seed/demo-documents.js';
import { withClient } from '../session.js';

interface EvalOptions extends Common {
  readonly corpus?: string;
  readonly split?: string;
  readonly tenant: string;
}

export function evalCommand(program: Command): void {
  subcommand(
    program,
    'eval <folder>',
    'measure retrieval on a test set in the layout of BEIR: nDCG@10, recall@10, MRR',
    ['eval datasets/cranfield', 'eval datasets/scifact --corpus eval-scifact --split train --json'],
    `The folder holds, each as it is or packed as .gz:
  corpus.jsonl   a document a line: _id, id, doc_id or docid; text, contents or body; title where there is one
  queries.jsonl  a query a line: _id, id, query_id or qid; text or query
  qrels.tsv, qrels.txt, qrels/test.tsv, qrels/dev.tsv or qrels/train.tsv (or .txt): the first of these
                 query, document, grade (BEIR, with or without a first line of names), or query, 0, document, grade
                 (TREC), between tabs or spaces; a grade above 0 is relevant, graded gain counts in nDCG
Its documents go into a corpus of their own, eval-<folder> by default, under ids that begin with the corpus. Those that
are there already are not ingested again; those whose text has changed are, and those that left the folder are removed.
Only judged queries are asked, as POST /v1/search asks them: PATCH the settings of the corpus, and measure again.`,
  )
    .option('--corpus <id>', 'the corpus that holds the test documents')
    .option('--split <name>', 'judgements of qrels/<name>.tsv or .txt')
    .option('--tenant <id>', 'the tenant', tenantIdIn, demoTenantId)
    .action((folder: string, options: EvalOptions) => run(folder, options));
}

async function run(folder: string, options: EvalOptions): Promise<void> {
  const set = await readTestSet(folder, options.split).catch((error: unknown) => {
    if (error instanceof TestSetError) throw new UsageError(error.message);
    throw new UsageError(`${folder} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  const name = basename(resolve(folder));
  const corpusId = options.corpus ?? `eval-${documentIdOf(name)}`;
  const measured = await withClient({}, (session) => measure(session, set, { tenantId: options.tenant, corpusId }));
  const { answers } = measured;
  const judged = { queries: set.queries, qrels: publicQrels(set, corpusId) };
  const result = await evaluate(judged, ({ id }) => Promise.resolve(answers.get(id)?.found ?? []));
  const judgements = relative(folder, set.judgements);
  show(outputOf(options), { name, corpusId, judgements, set, measured, result });
}

interface Evaluated {
  readonly name: string;
  readonly corpusId: string;
  /** The file below the folder. */
  readonly judgements: string;
  readonly set: TestSet;
  readonly measured: Measured;
  readonly result: EvaluationResult;
}

function show(output: Output, { name, corpusId, judgements, set, measured, result }: Evaluated): void {
  const { ingestion, seconds, removed, others, answers } = measured;
  const times = [...answers.values()].map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number): number => Math.round((times[Math.floor(times.length * share)] ?? 0) * 10) / 10;
  const report = {
    corpus: corpusId,
    judgements,
    documents: set.documentIds.size,
    empty_documents: set.empty,
    absent_judgements: set.absent.judgements,
    absent_queries: set.absent.queries,
    ingested: ingestion.submitted,
    changed: ingestion.changed,
    removed,
    other_documents: others,
    ingest_seconds: seconds,
    ...result,
    degraded: degradedOf(measured),
    search_ms_p50: at(0.5),
    search_ms_p95: at(0.95),
  };
  output.item(report);
  const added = ingestion.submitted - ingestion.changed;
  output.fields({
    'test set': `${name}: ${report.documents} documents, ${report.queries} judged queries of ${judgements}`,
    'nDCG@10': report.ndcg10.toFixed(4),
    'recall@10': report.recall10.toFixed(4),
    MRR: report.mrr.toFixed(4),
    ingestion: `${added} new, ${ingestion.changed} changed, ${removed} removed, ${ingestion.known} known, in ${seconds.toFixed(1)} s`,
    search: `p50 ${report.search_ms_p50} ms, p95 ${report.search_ms_p95} ms`,
  });
  for (const remark of remarksOn(report)) output.line(remark);
}

interface Remarkable {
  readonly corpus: string;
  readonly empty_documents: number;
  readonly absent_judgements: number;
  readonly absent_queries: number;
  readonly other_documents: number;
  readonly degraded: Readonly<Record<string, number>>;
}

/** What a reader of the figures must know. */
function remarksOn(report: Remarkable): readonly string[] {
  const counted = [
    ['judgements of documents that the corpus file does not hold', report.absent_judgements],
    ['judged queries that the queries file does not hold, left out', report.absent_queries],
    ['documents without a word, kept but never found', report.empty_documents],
    [`documents of corpus ${report.corpus} that are not of this folder, searched too`, report.other_documents],
    ...Object.entries(report.degraded).map(([code, count]) => [`searches with less, by ${code}`, count] as const),
  ] as const;
  return counted.filter(([, count]) => count > 0).map(([what, count]) => `${what}: ${count}`);
}

/** How many searches were less than they could be, by the reason. */
function degradedOf({ answers }: Measured): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const code of [...answers.values()].flatMap(({ degraded }) => degraded)) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}
