import type { Chunk } from '#domain/kernel/text/chunker.js';
import { terms } from '#domain/kernel/text/tokenizer.js';
import type { TermHasher } from './term-hasher.js';

/** What BM25 needs of a version: a posting for each term of each chunk, its distinct terms, and the number of terms in all. */
export interface Postings {
  readonly total: number;
  readonly distinct: readonly bigint[];
  /** The hashed term of each posting, and its hit. */
  readonly terms: readonly bigint[];
  readonly hits: readonly bigint[];
}

/** Counts the terms of each chunk's index text. */
export function postingsOf(
  hasher: TermHasher,
  tenantId: string,
  chunks: readonly Pick<Chunk, 'ordinal'>[],
  texts: readonly string[],
): Postings {
  const found = { terms: [] as bigint[], hits: [] as bigint[] };
  let total = 0;
  chunks.forEach(({ ordinal }, at) => {
    const words = terms(texts[at] ?? '');
    total += words.length;
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    for (const [word, count] of counts) {
      found.terms.push(hasher.hash(tenantId, word));
      found.hits.push(packHit(ordinal, count, words.length));
    }
  });
  return { total, distinct: chunks.length === 1 ? found.terms : [...new Set(found.terms)], ...found };
}

/** `ordinal << 32 | occurrences << 16 | terms of the chunk`, as the migration describes it. */
function packHit(ordinal: number, count: number, length: number): bigint {
  return (BigInt(ordinal) << 32n) | (BigInt(Math.min(count, 65_535)) << 16n) | BigInt(Math.min(length, 65_535));
}
