import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { Embedder } from '#infra/adapters/embedding/embedder.js';

/** Which model a corpus is searched by and written with. */
export interface CorpusEmbeddings {
  /** That whose vectors answer questions now. */
  serving(tenantId: string, corpusId: string): Promise<Embedder>;
  /** That which a corpus has chosen. */
  of(choice: EmbeddingChoice): Embedder;
  /** That of a corpus to which nothing was written yet. */
  chosen(tenantId: string, corpusId: string): Promise<Embedder>;
  /** That whose vectors a space holds. */
  ofSpace(model: string, dimension: number): Embedder;
}

/** One embedder for every corpus. */
export function oneEmbedder(embedder: Embedder): CorpusEmbeddings {
  return { of: () => embedder, serving: async () => embedder, chosen: async () => embedder, ofSpace: () => embedder };
}
