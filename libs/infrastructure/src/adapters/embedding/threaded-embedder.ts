import type { EmbedContext, Embedder } from './embedder.js';
import type { HashingEmbedder } from './hashing-embedder.js';

/** Embeds texts without a model, with the defaults of a `HashingEmbedder`; perhaps in another thread. */
export interface TextEmbedding {
  embed(dimension: number, texts: readonly string[]): Promise<readonly Float32Array[]>;
}

/** A hashing embedder whose documents are embedded elsewhere; a question is, at once, where it is asked. */
export class ThreadedEmbedder implements Embedder {
  readonly local = true;

  constructor(
    private readonly own: HashingEmbedder,
    private readonly elsewhere: TextEmbedding,
  ) {}

  get model(): string {
    return this.own.model;
  }

  get dimension(): number {
    return this.own.dimension;
  }

  async embed(texts: readonly string[], context: EmbedContext): Promise<readonly Float32Array[]> {
    if (context.purpose === 'query') return this.own.embed(texts, context);
    const vectors = await this.elsewhere.embed(this.dimension, texts);
    context.signal?.throwIfAborted();
    return vectors;
  }
}
