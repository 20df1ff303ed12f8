import type { Database } from '#infra/database/database.js';
import { spaceOf, type EmbeddingSpace } from './embedding-space.js';

export interface VectorIndexOptions {
  /** Chunks of a scope from which an index is worth its upkeep. */
  readonly buildFrom?: number;
  /** Milliseconds for which a process trusts what it last saw of the catalogue. */
  readonly trustMs?: number;
  readonly now?: () => number;
}

/** The approximate (HNSW) indexes, one for each large scope, so that no tenant's vectors are in another one's graph. */
export class VectorIndexes {
  private readonly seen = new Map<string, { readonly at: number; readonly valid: Promise<boolean> }>();
  private readonly buildFrom: number;
  private readonly trustMs: number;
  private readonly now: () => number;

  constructor(
    private readonly database: Database,
    options: VectorIndexOptions = {},
  ) {
    this.buildFrom = options.buildFrom ?? 30_000;
    this.trustMs = options.trustMs ?? 30_000;
    this.now = options.now ?? Date.now;
  }

  /** True when the scope has a finished index. */
  async has(space: EmbeddingSpace, scopeNo: number): Promise<boolean> {
    const name = indexName(space, scopeNo);
    const known = this.seen.get(name);
    if (known !== undefined && this.now() - known.at < this.trustMs) return known.valid;
    const valid = this.look(name);
    if (this.seen.size > 50_000) this.seen.clear();
    this.seen.set(name, { at: this.now(), valid });
    valid.catch(() => this.seen.delete(name));
    return valid;
  }

  /**
   * Builds the index of every scope that has become large and removes that of every scope that is small again. A job's
   * work: minutes on a large scope, without blocking writers on a server, and never in a transaction. Returns the names of the new indexes.
   */
  async ensure(): Promise<string[]> {
    const scopes = await this.database.query<{
      space_no: number;
      dimension: number;
      scope_no: number;
      chunks: number;
    }>(
      `select s.space_no, s.dimension, v.scope_no, sum(v.chunk_count)::float8 as chunks
         from retrieval.version v join retrieval.version_space using (version_no) join retrieval.space s using (space_no)
        group by 1, 2, 3`,
    );
    const built: string[] = [];
    for (const { space_no, dimension, scope_no, chunks } of scopes) {
      const space = spaceOf(space_no, dimension);
      const name = indexName(space, scope_no);
      const exists = await this.look(name);
      if (chunks >= this.buildFrom && !exists) {
        await this.build(space, scope_no, name);
        built.push(name);
      } else if (chunks < this.buildFrom / 2 && exists) await this.drop(name);
    }
    return built;
  }

  /** Builds the index of a scope in one space, where its size asks for it, before anybody searches there. */
  async ensureFor(space: EmbeddingSpace, scopeNo: number): Promise<void> {
    const [row] = await this.database.query<{ chunks: number }>(
      `select coalesce(sum(v.chunk_count), 0)::float8 as chunks
         from retrieval.version v join retrieval.version_space s using (version_no)
        where v.scope_no = $1 and s.space_no = $2`,
      [scopeNo, space.spaceNo],
    );
    const name = indexName(space, scopeNo);
    if ((row?.chunks ?? 0) >= this.buildFrom && !(await this.look(name))) await this.build(space, scopeNo, name);
  }

  async dropFor(space: EmbeddingSpace, scopeNo: number): Promise<void> {
    await this.drop(indexName(space, scopeNo));
  }

  private get concurrently(): string {
    return this.database.engine === 'postgres' ? 'concurrently' : '';
  }

  private async build(space: EmbeddingSpace, scopeNo: number, name: string): Promise<void> {
    // An interrupted build leaves an invalid index behind.
    await this.drop(name);
    await this.database.session(async () => {
      await this.database.query(`set maintenance_work_mem = '256MB'`);
      try {
        await this.database.query(
          `create index ${this.concurrently} ${name} on ${space.table}
           using hnsw (embedding ${space.type}_ip_ops) where scope_no = ${scopeNo}`,
        );
      } finally {
        await this.database.query('reset maintenance_work_mem');
      }
    });
    this.seen.delete(name);
  }

  private async drop(name: string): Promise<void> {
    await this.database.query(`drop index ${this.concurrently} if exists retrieval.${name}`);
    this.seen.delete(name);
  }

  private async look(name: string): Promise<boolean> {
    const [row] = await this.database.query<{ valid: boolean }>(
      `select i.indisvalid as valid from pg_index i where i.indexrelid = to_regclass($1)`,
      [`retrieval.${name}`],
    );
    return row?.valid === true;
  }
}

function indexName(space: EmbeddingSpace, scopeNo: number): string {
  return `hnsw_${space.spaceNo}_${scopeNo}`;
}
