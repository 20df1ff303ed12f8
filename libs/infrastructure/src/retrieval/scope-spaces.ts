import type { Embedder } from '#infra/adapters/embedding/embedder.js';
import type { Database } from '#infra/database/database.js';
import type { CorpusEmbeddings } from './corpus-embeddings.js';
import { spaceOf, type EmbeddingSpace, type EmbeddingSpaces } from './embedding-space.js';

/** A space in which what is written to a scope gets vectors, and what makes them. */
export interface Target {
  readonly space: EmbeddingSpace;
  readonly embedder: Embedder;
}

interface TargetRow {
  readonly space_no: number;
  readonly model: string;
  readonly dimension: number;
}

const KEPT_SCOPES = 10_000;

/** In which spaces a scope is written: one, and a second one while it is embedded anew. */
export class ScopeSpaces {
  private readonly kept = new Map<number, readonly TargetRow[]>();

  constructor(
    private readonly database: Database,
    private readonly spaces: EmbeddingSpaces,
    private readonly embeddings: CorpusEmbeddings,
  ) {}

  /**
   * The targets of a corpus; its first write makes them what the corpus has chosen. Unless `fresh`, they may be old: who
   * writes looks whether they still are the scope's when nobody can change them any more.
   */
  async targets(tenantId: string, corpusId: string, scopeNo: number, fresh: boolean): Promise<readonly Target[]> {
    const found = (fresh ? undefined : this.kept.get(scopeNo)) ?? (await this.rows(scopeNo));
    this.keep(scopeNo, found);
    if (found.length > 0)
      return found.map(({ space_no, model, dimension }) => ({
        space: spaceOf(space_no, dimension),
        embedder: this.embeddings.ofSpace(model, dimension),
      }));
    const embedder = await this.embeddings.chosen(tenantId, corpusId);
    const space = await this.spaces.space(embedder.model, embedder.dimension);
    await this.insert(scopeNo, space);
    return [{ space, embedder }];
  }

  /** The numbers of the targets, for a writer whose transaction holds the scope's row. */
  async numbers(scopeNo: number): Promise<readonly number[]> {
    const text = 'select space_no from retrieval.scope_space where scope_no = $1';
    return (await this.database.query<{ space_no: number }>(text, [scopeNo])).map(({ space_no }) => space_no);
  }

  /**
   * Adds a target. The row lock waits for every writer that holds the scope by its foreign key: what is written before is
   * seen by whoever looks afterwards, and who writes afterwards sees the target.
   */
  async add(scopeNo: number, space: EmbeddingSpace): Promise<void> {
    await this.database.transaction(async () => {
      await this.database.query('select 1 from retrieval.scope where scope_no = $1 for update', [scopeNo]);
      await this.insert(scopeNo, space);
    });
  }

  /** Removes every target but those; the numbers of the spaces that are none any more. */
  async keepOnly(scopeNo: number, keep: readonly EmbeddingSpace[]): Promise<readonly number[]> {
    const kept = keep.map(({ spaceNo }) => spaceNo);
    await this.database.transaction(async () => {
      await this.database.query('select 1 from retrieval.scope where scope_no = $1 for update', [scopeNo]);
      await this.database.execute(
        'delete from retrieval.scope_space where scope_no = $1 and space_no <> all($2::int[])',
        [scopeNo, kept],
      );
    });
    const written = await this.database.query<{ space_no: number }>(
      `select distinct s.space_no from retrieval.version v join retrieval.version_space s using (version_no)
        where v.scope_no = $1 and s.space_no <> all($2::int[])`,
      [scopeNo, kept],
    );
    return written.map(({ space_no }) => space_no);
  }

  private keep(scopeNo: number, rows: readonly TargetRow[]): void {
    this.kept.delete(scopeNo);
    if (rows.length === 0) return;
    if (this.kept.size >= KEPT_SCOPES) this.kept.clear();
    this.kept.set(scopeNo, rows);
  }

  private rows(scopeNo: number): Promise<TargetRow[]> {
    return this.database.query<TargetRow>(
      `select t.space_no, s.model, s.dimension from retrieval.scope_space t join retrieval.space s using (space_no)
        where t.scope_no = $1 order by t.space_no`,
      [scopeNo],
    );
  }

  private async insert(scopeNo: number, space: EmbeddingSpace): Promise<void> {
    await this.database.execute(
      'insert into retrieval.scope_space (scope_no, space_no) values ($1, $2) on conflict do nothing',
      [scopeNo, space.spaceNo],
    );
  }
}
