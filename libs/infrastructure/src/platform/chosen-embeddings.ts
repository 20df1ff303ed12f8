import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { Embedder } from '#infra/adapters/embedding/embedder.js';
import type { Embedders } from '#infra/adapters/embedding/embedders.js';
import type { Database } from '#infra/database/database.js';
import type { CorpusEmbeddings } from '#infra/retrieval/corpus-embeddings.js';

export interface ChosenEmbeddingsOptions {
  readonly database: Database;
  readonly embedders: Embedders;
  /** A relation with tenant_id, id and `embedding`, the choice whose vectors answer questions; null where none was made. */
  readonly corporaView: string;
  /** The same from the log itself, which no read model's lag holds back. */
  readonly recorded: (tenantId: string, corpusId: string) => Promise<EmbeddingChoice | null>;
}

/** The models that corpora have chosen. What the process would choose today is asked only for a corpus that never chose. */
export class ChosenEmbeddings implements CorpusEmbeddings {
  private readonly statement: string;

  constructor(private readonly options: ChosenEmbeddingsOptions) {
    this.statement = `select
      (select embedding from ${options.corporaView} where tenant_id = $1 and id = $2) as embedding,
      (select jsonb_build_array(s.model, s.dimension)
         from retrieval.scope c join retrieval.scope_space t using (scope_no) join retrieval.space s using (space_no)
        where c.tenant_id = $1 and c.corpus_id = $2 order by t.space_no limit 1) as space`;
  }

  async serving(tenantId: string, corpusId: string): Promise<Embedder> {
    const { database, embedders } = this.options;
    const [row] = await database.queryPrepared<{
      embedding: EmbeddingChoice | null;
      space: readonly [model: string, dimension: number] | null;
    }>(this.statement, [tenantId, corpusId]);
    if (row?.embedding) return embedders.of(row.embedding);
    // A corpus from before choices were recorded: what it was written with.
    return row?.space ? embedders.ofSpace(...row.space) : embedders.of(embedders.default);
  }

  async chosen(tenantId: string, corpusId: string): Promise<Embedder> {
    const { embedders, recorded } = this.options;
    return embedders.of((await recorded(tenantId, corpusId)) ?? embedders.default);
  }

  ofSpace(model: string, dimension: number): Embedder {
    return this.options.embedders.ofSpace(model, dimension);
  }
}
