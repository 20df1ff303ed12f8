import type { Database } from '#infra/database/database.js';

/** Where the vectors of one model and dimension live. */
export interface EmbeddingSpace {
  readonly spaceNo: number;
  readonly table: string;
  readonly type: 'vector' | 'halfvec';
  readonly dimension: number;
}

/** The numbers of spaces and scopes. They never change, so a process keeps those that it has seen. */
export class EmbeddingSpaces {
  private readonly spaces = new Map<string, EmbeddingSpace>();
  private readonly scopes = new Map<string, number>();

  constructor(private readonly database: Database) {}

  /** The space of a model; its table is made at the first call ever. */
  async space(model: string, dimension: number): Promise<EmbeddingSpace> {
    const key = `${model}\n${dimension}`;
    const known = this.spaces.get(key);
    if (known !== undefined) return known;
    const space = await this.createSpace(model, dimension);
    // What a rolled back transaction made must not be remembered.
    this.database.afterCommit(() => this.spaces.set(key, space));
    return space;
  }

  /** The number of a tenant's corpus; undefined as long as nothing was ever written to it. */
  async findScope(tenantId: string, corpusId: string): Promise<number | undefined> {
    const key = `${tenantId}\n${corpusId}`;
    const known = this.scopes.get(key);
    if (known !== undefined) return known;
    const [row] = await this.database.query<{ scope_no: number }>(
      'select scope_no from retrieval.scope where tenant_id = $1 and corpus_id = $2',
      [tenantId, corpusId],
    );
    if (row !== undefined) this.database.afterCommit(() => this.remember(key, row.scope_no));
    return row?.scope_no;
  }

  async scope(tenantId: string, corpusId: string): Promise<number> {
    const found = await this.findScope(tenantId, corpusId);
    if (found !== undefined) return found;
    await this.database.execute(
      'insert into retrieval.scope (tenant_id, corpus_id) values ($1, $2) on conflict do nothing',
      [tenantId, corpusId],
    );
    const made = await this.findScope(tenantId, corpusId);
    if (made === undefined) throw new Error('The scope of a corpus could not be made.');
    return made;
  }

  private remember(key: string, scopeNo: number): void {
    if (this.scopes.size >= 50_000) this.scopes.clear();
    this.scopes.set(key, scopeNo);
  }

  /** Looks before it makes: the statements that make a table lock it, which would stop a build of its index. */
  private async createSpace(model: string, dimension: number): Promise<EmbeddingSpace> {
    return (await this.findSpace(model, dimension)) ?? this.makeSpace(model, dimension);
  }

  private async findSpace(model: string, dimension: number): Promise<EmbeddingSpace | undefined> {
    const [row] = await this.database.query<{ space_no: number }>(
      `select space_no from retrieval.space
        where model = $1 and dimension = $2 and to_regclass('retrieval.space_' || space_no) is not null`,
      [model, dimension],
    );
    return row === undefined ? undefined : spaceOf(row.space_no, dimension);
  }

  private async makeSpace(model: string, dimension: number): Promise<EmbeddingSpace> {
    return this.database.transaction(async () => {
      await this.database.query(`select pg_advisory_xact_lock(hashtext('nexusrag.retrieval.space'))`);
      const found = await this.findSpace(model, dimension);
      if (found !== undefined) return found;
      await this.database.execute(
        `insert into retrieval.space (model, dimension) select $1, $2
          where not exists (select 1 from retrieval.space where model = $1 and dimension = $2)`,
        [model, dimension],
      );
      const [row] = await this.database.query<{ space_no: number }>(
        'select space_no from retrieval.space where model = $1 and dimension = $2',
        [model, dimension],
      );
      if (row === undefined) throw new Error('The embedding space could not be made.');
      const space = spaceOf(row.space_no, dimension);
      const { table, type } = space;
      await this.database.query(
        `create table if not exists ${table} (
           scope_no integer not null,
           version_no bigint not null references retrieval.version on delete cascade,
           ordinal integer not null,
           embedding ${type}(${dimension}) not null,
           primary key (version_no, ordinal))`,
      );
      // A vector that fits a page stays in its row: fetching it from the side table would double the cost of a scan.
      const bytes = dimension * (type === 'vector' ? 4 : 2);
      if (bytes < 7800) await this.database.query(`alter table ${table} alter column embedding set storage plain`);
      return space;
    });
  }
}

/** Beyond 2,000 dimensions only half precision can be indexed. */
export function spaceOf(spaceNo: number, dimension: number): EmbeddingSpace {
  const type = dimension > 2000 ? 'halfvec' : 'vector';
  return { spaceNo, table: `retrieval.space_${spaceNo}`, type, dimension };
}

/** A vector as pgvector reads it. */
export function vectorText(vector: Float32Array): string {
  return `[${vector.join(',')}]`;
}
