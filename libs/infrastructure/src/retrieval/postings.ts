import type { Chunk } from '#domain/kernel/text/chunker.js';
import { terms } from '#domain/kernel/text/tokenizer.js';
import type { TermHasher } from './term-hasher.js';

/** The hits of one hashed term in 256 chunks that follow each other. */
export interface Posting {
  readonly term: bigint;
  readonly block: number;
  readonly hits: bigint[];
}

/** What BM25 needs of a version: its postings, its distinct terms, and the number of terms in all. */
export interface Postings {
  readonly total: number;
  readonly terms: readonly bigint[];
  readonly rows: readonly Posting[];
}

const blockBits = 8;
/** Chunks of a block. */
export const BLOCK_CHUNKS = 1 << blockBits;

/** Counts the terms of each chunk's index text; chunks in the order of their ordinals. */
export function postingsOf(
  hasher: TermHasher,
  tenantId: string,
  chunks: readonly Pick<Chunk, 'ordinal'>[],
  texts: readonly string[],
): Postings {
  const rows: Posting[] = [];
  const open = new Map<bigint, Posting>();
  let total = 0;
  chunks.forEach(({ ordinal }, at) => {
    const words = terms(texts[at] ?? '');
    total += words.length;
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    for (const [word, count] of counts) {
      const term = hasher.hash(tenantId, word);
      const block = ordinal >> blockBits;
      let posting = open.get(term);
      if (posting?.block !== block) {
        posting = { term, block, hits: [] };
        rows.push(posting);
        open.set(term, posting);
      }
      posting.hits.push(packHit(ordinal, count, words.length));
    }
  });
  return { total, terms: [...open.keys()], rows };
}

/** `ordinal << 32 | occurrences << 16 | terms of the chunk`, as the migration describes it. */
function packHit(ordinal: number, count: number, length: number): bigint {
  return (BigInt(ordinal) << 32n) | (BigInt(Math.min(count, 65_535)) << 16n) | BigInt(Math.min(length, 65_535));
}
