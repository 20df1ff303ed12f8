import { chunkText } from '#domain/kernel/text/chunker.js';
import { Database } from '#infra/database/database.js';
import type { Passage } from '#infra/retrieval/passage.js';
import { Retriever, type RetrievalTuning } from '#infra/retrieval/retriever.js';
import { VectorIndexes } from '#infra/retrieval/vector-indexes.js';
import { Library, testCipher } from '#test/retrieval/library.js';
import { Words } from './words.js';

export interface RetrievalBenchRow {
  readonly chunks: number;
  readonly mode: 'exact' | 'hnsw';
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Part of the exact search's ten best that this mode also gives. */
  readonly recall10: number;
}

export interface RetrievalBenchOptions {
  /** Corpus sizes to measure, ascending. */
  readonly sizes?: readonly number[];
  readonly queries?: number;
  readonly log?: (line: string) => void;
}

const tenantId = 'bench';
const chunksPerDocument = 10;

/** Searches corpora of growing size, exactly and through HNSW. The database must be migrated; it is not cleaned up. */
export async function runRetrievalBench(
  databaseUrl: string,
  { sizes = [1_000, 10_000, 30_000, 100_000], queries = 60, log = () => undefined }: RetrievalBenchOptions = {},
): Promise<RetrievalBenchRow[]> {
  const database = await Database.open({ url: databaseUrl });
  try {
    const library = await Library.open(database, { cipher: testCipher(Buffer.alloc(32, 3)), buildFrom: 500 });
    const rows: RetrievalBenchRow[] = [];
    for (const size of sizes) {
      const corpusId = `c${size}`;
      const words = new Words(size);
      let began = performance.now();
      await fill(library, corpusId, size, words);
      log(`${size} chunks written in ${since(began)} s`);
      await database.query('vacuum analyze');
      const asked = Array.from({ length: queries }, () => words.text(8));
      const exact = await ask(searcher(library, { exactUpTo: Number.MAX_SAFE_INTEGER }), corpusId, asked);
      rows.push({ chunks: size, mode: 'exact', ...exact.times, recall10: 1 });
      log(JSON.stringify(rows.at(-1)));
      began = performance.now();
      const built = await library.indexes.ensure();
      log(`${built.join(', ')} built in ${since(began)} s`);
      const approximate = await ask(searcher(library, { exactUpTo: 0 }), corpusId, asked);
      const recall10 = mean(asked.map((_, at) => shared(exact.found[at] ?? [], approximate.found[at] ?? [])));
      rows.push({ chunks: size, mode: 'hnsw', ...approximate.times, recall10 });
      log(JSON.stringify(rows.at(-1)));
    }
    return rows;
  } finally {
    await database.close();
  }
}

function searcher(library: Library, tuning: Partial<RetrievalTuning>): Retriever {
  return new Retriever({
    ...library.parts,
    documents: { name: 'read.documents_v1' },
    indexes: new VectorIndexes(library.database),
    tuning,
  });
}

async function fill(library: Library, corpusId: string, size: number, words: Words): Promise<void> {
  for (let at = 0; at < size / chunksPerDocument; at++) {
    const id = `${corpusId}-${at}`;
    const text = Array.from({ length: chunksPerDocument }, () => words.text(110)).join('\n\n');
    const chunks = chunkText(text, { size: 500, overlap: 0 }).slice(0, chunksPerDocument);
    const version = { tenantId, corpusId, documentId: `uid-${id}`, versionId: 'v1' };
    await library.index.write(version, chunks);
    await library.index.tidy(tenantId, corpusId);
    await library.publish(tenantId, corpusId, id);
  }
}

async function ask(
  retriever: Retriever,
  corpusId: string,
  asked: readonly string[],
): Promise<{ found: Passage[][]; times: { p50Ms: number; p99Ms: number } }> {
  for (const query of asked.slice(0, 5)) await retriever.retrieve({ tenantId, corpusId, query, k: 10 });
  const found: Passage[][] = [];
  const times: number[] = [];
  for (const query of asked) {
    const began = performance.now();
    found.push(await retriever.retrieve({ tenantId, corpusId, query, k: 10 }));
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (part: number): number =>
    Math.round((times[Math.min(times.length - 1, Math.floor(part * times.length))] ?? 0) * 10) / 10;
  return { found, times: { p50Ms: at(0.5), p99Ms: at(0.99) } };
}

function shared(expected: readonly Passage[], given: readonly Passage[]): number {
  const ids = new Set(given.map(({ chunkId }) => chunkId));
  return expected.length === 0 ? 1 : expected.filter(({ chunkId }) => ids.has(chunkId)).length / expected.length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function since(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1);
}
