/** What makes vectors: whose model, which one, and how long they are. Vectors of different choices are never compared. */
export interface EmbeddingChoice {
  readonly provider: EmbeddingProvider;
  readonly model: string;
  readonly dimension: number;
}

export const embeddingProviders = ['hashing', 'fake', 'openai', 'vertex'] as const;
export type EmbeddingProvider = (typeof embeddingProviders)[number];

export function isEmbeddingProvider(word: unknown): word is EmbeddingProvider {
  return embeddingProviders.some((provider) => provider === word);
}

export function sameEmbedding(one: EmbeddingChoice, other: EmbeddingChoice): boolean {
  return one.provider === other.provider && one.model === other.model && one.dimension === other.dimension;
}
