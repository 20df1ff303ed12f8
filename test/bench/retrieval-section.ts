import { runRetrievalBench } from './retrieval.bench.js';
import { loadNow, type BenchContext, type BenchTable } from './report.js';

/** Hybrid retrieval over 100,000 chunks: exactly, and through the approximate index. */
export async function retrievalSection(context: BenchContext): Promise<readonly BenchTable[]> {
  const url = await context.database({ migrated: true });
  const rows = await runRetrievalBench(url, { sizes: [100_000], log: context.say });
  return [{ title: 'Retrieval', rows: rows.map((row) => ({ ...row, load: loadNow() })) }];
}
