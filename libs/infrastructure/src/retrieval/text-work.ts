import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import { postingsOf, type Postings } from './postings.js';
import type { TermHasher } from './term-hasher.js';

/** Work on texts that takes nothing but a processor: to count their terms, or to embed them without a model. */
export type TextTask =
  | {
      readonly kind: 'count';
      readonly tenantId: string;
      readonly ordinals: readonly number[];
      readonly texts: readonly string[];
    }
  | { readonly kind: 'embed'; readonly dimension: number; readonly texts: readonly string[] };

export type TextResult = Postings | readonly Float32Array[];

/** Does such work in the thread that it is made in. */
export class TextWork {
  private readonly embedders = new Map<number, HashingEmbedder>();

  constructor(private readonly hasher: TermHasher) {}

  do(task: TextTask): Promise<TextResult> | TextResult {
    if (task.kind === 'embed') return this.embedder(task.dimension).embed(task.texts);
    const chunks = task.ordinals.map((ordinal) => ({ ordinal }));
    return postingsOf(this.hasher, task.tenantId, chunks, task.texts);
  }

  private embedder(dimension: number): HashingEmbedder {
    const known = this.embedders.get(dimension) ?? new HashingEmbedder({ dimension });
    this.embedders.set(dimension, known);
    return known;
  }
}

/** What of a result may be given away to another thread. */
export function buffersOf(result: TextResult): ArrayBuffer[] {
  const arrays = 'total' in result ? [result.distinct, result.terms, result.hits] : result;
  return [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))];
}
