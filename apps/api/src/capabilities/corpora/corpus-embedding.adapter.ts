import type { NewEmbedding } from '#domain/capabilities/corpora/corpora.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import { embeddingErrors } from '#infra/adapters/embedding/embedding-errors.js';
import type { Embedders } from '#infra/adapters/embedding/embedders.js';
import { choiceOfSpace } from '#infra/adapters/embedding/models.js';
import type { CorpusEmbeddings } from '#infra/retrieval/corpus-embeddings.js';
import type { Reembedding } from '#infra/retrieval/reembedding.js';
import type { EmbeddingProgressView, EmbeddingRequest } from './corpora.contract.js';

export interface CorpusEmbeddingParts {
  readonly embedders: Embedders;
  readonly embeddings: CorpusEmbeddings;
  readonly reembedding: Reembedding;
}

/** Which models a corpus may have, which one it has, and how far another one is. */
export class CorpusEmbeddingChoices {
  constructor(private readonly parts: CorpusEmbeddingParts) {}

  /** What is asked for in full; what new corpora get when nothing is. Throws `embeddingErrors.unknownModel`. */
  chosen(asked: EmbeddingRequest | undefined): EmbeddingChoice {
    const { embedders } = this.parts;
    return asked === undefined ? embedders.default : embedders.resolve(asked);
  }

  async change(tenantId: string, corpusId: string, asked: EmbeddingRequest): Promise<NewEmbedding> {
    const choice = this.chosen(asked);
    const { model, dimension } = await this.parts.embeddings.serving(tenantId, corpusId);
    const serving = choiceOfSpace(model, dimension);
    if (serving === undefined) throw new CatalogueError(embeddingErrors.unconfigured, { space: model });
    return { choice, serving };
  }

  async progress(tenantId: string, corpusId: string, choice: EmbeddingChoice): Promise<EmbeddingProgressView> {
    const { versions, embedded } = await this.parts.reembedding.progress({ tenantId, corpusId }, choice);
    return { versions, embedded };
  }
}
