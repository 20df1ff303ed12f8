import type { EmbeddingChoice } from '#domain/kernel/embedding.js';
import type { Embedder } from '#infra/adapters/embedding/embedder.js';
import type { Embedders } from '#infra/adapters/embedding/embedders.js';
import { Gathered } from '#infra/batching/gathered.js';
import { hidden, type Database } from '#infra/database/database.js';
import type { CorpusEmbeddings } from '#infra/retrieval/corpus-embeddings.js';

export interface ChosenEmbeddingsOptions {
  readonly database: Database;
  readonly embedders: Embedders;
  /** A relation with tenant_id, id and `embedding`, the choice whose vectors answer questions; null where none was made. */
  readonly corporaView: string;
  /** The same from the log itself, which no read model's lag holds back. */
  readonly recorded: (tenantId: string, corpusId: string) => Promise<EmbeddingChoice | null>;
}

interface Corpus {
  readonly tenantId: string;
  readonly corpusId: string;
}

interface ChosenRow {
  readonly corpus: string;
  readonly embedding: EmbeddingChoice | null;
  readonly space: readonly [model: string, dimension: number] | null;
}

/** The models that corpora have chosen. What the process would choose today is asked only for a corpus that never chose. */
export class ChosenEmbeddings implements CorpusEmbeddings {
  private readonly statement: string;
  private readonly chosenBy: Gathered<Corpus, ChosenRow | undefined>;

  constructor(private readonly options: ChosenEmbeddingsOptions) {
    this.statement = `select w.tenant_id || e'\n' || w.corpus_id as corpus,
      (select embedding from ${options.corporaView} where tenant_id = w.tenant_id and id = w.corpus_id) as embedding,
      (select jsonb_build_array(s.model, s.dimension)
         from retrieval.scope c join retrieval.scope_space t using (scope_no) join retrieval.space s using (space_no)
        where c.tenant_id = w.tenant_id and c.corpus_id = w.corpus_id order by t.space_no limit 1) as space
      from unnest(${hidden('$1::text[]')}, ${hidden('$2::text[]')}) w(tenant_id, corpus_id)`;
    this.chosenBy = new Gathered((corpora) => options.database.detached(() => this.rowsOf(corpora)));
  }

  of(choice: EmbeddingChoice): Embedder {
    return this.options.embedders.of(choice);
  }

  async serving(tenantId: string, corpusId: string): Promise<Embedder> {
    const { embedders } = this.options;
    const row = await this.chosenBy.add({ tenantId, corpusId });
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
  /** Each corpus is looked up once, however many questions are asked of it. */
  private async rowsOf(corpora: readonly Corpus[]): Promise<readonly (ChosenRow | undefined)[]> {
    const asked = new Map(corpora.map((corpus) => [nameOf(corpus), corpus]));
    const each = [...asked.values()];
    const rows = await this.options.database.queryPrepared<ChosenRow>(this.statement, [
      each.map(({ tenantId }) => tenantId),
      each.map(({ corpusId }) => corpusId),
    ]);
    const found = new Map(rows.map((row) => [row.corpus, row]));
    return corpora.map((corpus) => found.get(nameOf(corpus)));
  }
}

function nameOf({ tenantId, corpusId }: Corpus): string {
  return `${tenantId}\n${corpusId}`;
}
