import type { Chunk } from '#domain/kernel/text/chunker.js';
import { termCounts } from '#domain/kernel/text/tokenizer.js';
import { INT8_ELEMENT, int8Elements } from '#infra/database/binary-arrays.js';
import type { TermHasher } from './term-hasher.js';

/**
 * What BM25 needs of a version: a posting for each term of each chunk, its distinct terms, and the number of terms in all. Lists are
 * elements of arrays as a server takes them (`int8Elements`), so that a thread makes them and nobody touches them again.
 */
export interface Postings {
  readonly total: number;
  /** The distinct hashed terms. */
  readonly distinct: Uint8Array;
  /** Of each posting its hashed term, and at the same place its hit. */
  readonly terms: Uint8Array;
  readonly hits: Uint8Array;
}

/** Counts the terms of each chunk's index text. */
export function postingsOf(
  hasher: TermHasher,
  tenantId: string,
  chunks: readonly Pick<Chunk, 'ordinal'>[],
  texts: readonly string[],
): Postings {
  const found: bigint[] = [];
  const hits: Hit[] = [];
  let total = 0;
  chunks.forEach(({ ordinal }, at) => {
    const counts = termCounts(texts[at] ?? '');
    let length = 0;
    for (const count of counts.values()) length += count;
    total += length;
    for (const [word, count] of counts) {
      found.push(hasher.hash(tenantId, word));
      hits.push({ ordinal, count, length });
    }
  });
  const all = int8Elements(found);
  return {
    total,
    distinct: chunks.length === 1 ? all : int8Elements([...new Set(found)]),
    terms: all,
    hits: packed(hits),
  };
}

interface Hit {
  readonly ordinal: number;
  /** Occurrences of the term in the chunk. */
  readonly count: number;
  /** Terms of the chunk. */
  readonly length: number;
}

/** `ordinal << 32 | occurrences << 16 | terms of the chunk`, as the migration describes it. */
function packed(hits: readonly Hit[]): Uint8Array {
  const bytes = new Uint8Array(hits.length * INT8_ELEMENT);
  const view = new DataView(bytes.buffer);
  hits.forEach(({ ordinal, count, length }, place) => {
    const at = place * INT8_ELEMENT;
    view.setInt32(at, 8);
    view.setInt32(at + 4, ordinal);
    view.setUint16(at + 8, Math.min(count, 65_535));
    view.setUint16(at + 10, Math.min(length, 65_535));
  });
  return bytes;
}
