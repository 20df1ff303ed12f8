import type { AnyProjection, AnyRow } from '#domain/kernel/projection.js';
import { hidden, type Database } from '#infra/database/database.js';
import type { OrderedStatement } from '#infra/database/prepared.js';
import { columnsOf, type Column } from './row.js';

export interface RowId {
  readonly tenant_id: string;
  readonly id: string;
}

/** The statement of a table that was sent so often is kept planned; there are too many tables to keep all of theirs. */
const OFTEN = 20;
/** Most keys of a load that is kept planned. */
const FEW = 64;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The view that readers of one version of a table use: `read.<table>_v<version>`. */
export function viewName(table: string, version: number): string {
  return `read.${quoted(`${table}_v${version}`)}`;
}

/** The physical table of one generation: `read.rm_<table>_v<version>_<generation>`. Statements for it, made once. */
export class ReadTable {
  readonly columns: readonly Column[];
  readonly physical: string;
  private readonly bare: string;
  private readonly selected: string;
  private readonly insert: string;
  private readonly upserted: string;
  private writes = 0;
  private loads = 0;

  constructor(
    private readonly database: Database,
    readonly projection: AnyProjection,
    readonly generation: number,
  ) {
    this.columns = columnsOf(projection);
    this.bare = bareName(projection.table, projection.version, generation);
    this.physical = ReadTable.physicalName(projection.table, projection.version, generation);
    this.selected = this.columns.map((column) => selectExpression(column)).join(', ');
    const names = this.columns.map(({ name }) => quoted(name));
    const values = this.columns.map(valueExpression).join(', ');
    const record = this.columns.map(({ name, type }) => `${quoted(name)} ${type}`).join(', ');
    this.insert = `insert into ${this.physical} (${names.join(', ')}) select ${values} from json_to_recordset($1::json) as r(${record})`;
    const others = names.slice(2).map((name) => `${name} = excluded.${name}`);
    this.upserted = `on conflict (tenant_id, id) do ${others.length > 0 ? `update set ${others.join(', ')}` : 'nothing'}`;
  }

  static physicalName(table: string, version: number, generation: number): string {
    return `read.${quoted(bareName(table, version, generation))}`;
  }

  async create(): Promise<void> {
    const columns = this.columns.map(({ name, type, nullable }) => {
      const collated = name === 'id' || name === 'tenant_id' ? ' collate "C"' : '';
      return `${quoted(name)} ${type}${collated}${nullable ? '' : ' not null'}`;
    });
    await this.database.query(
      `create table if not exists ${this.physical} (${columns.join(', ')}, primary key (tenant_id, id))`,
    );
  }

  async createIndexes(): Promise<void> {
    const lists = this.projection.indexes;
    for (const [at, list] of lists.entries()) {
      const name = quoted(`${this.bare}_${at + 1}`);
      await this.database.query(
        `create index if not exists ${name} on ${this.physical} (${list.map(quoted).join(', ')})`,
      );
    }
    await this.createSearchIndex();
  }

  /** Without trigrams a search reads the rows of its tenant. */
  private async createSearchIndex(): Promise<void> {
    const { searched } = this.projection;
    if (searched.length === 0) return;
    const trigrams = await this.database.query(`select 1 from pg_extension where extname = 'pg_trgm'`);
    if (trigrams.length === 0) return;
    const columns = searched.map((column) => `lower(${quoted(column)}) gin_trgm_ops`).join(', ');
    const name = quoted(`${this.bare}_search`);
    await this.database.query(`create index if not exists ${name} on ${this.physical} using gin (${columns})`);
  }

  async analyze(): Promise<void> {
    await this.database.query(`analyze ${this.physical}`);
  }

  /** Points the version's view here. Same columns, same view identity: a reader in mid-query never fails. */
  async pointView(): Promise<void> {
    const names = this.columns.map(({ name }) => quoted(name)).join(', ');
    const view = viewName(this.projection.table, this.projection.version);
    await this.database.query(`create or replace view ${view} as select ${names} from ${this.physical}`);
  }

  async drop(): Promise<void> {
    await this.database.query(`drop table if exists ${this.physical}`);
  }

  async truncate(): Promise<void> {
    await this.database.query(`truncate ${this.physical}`);
  }

  async load(keys: readonly RowId[]): Promise<AnyRow[]> {
    return this.run<AnyRow>(this.loading(keys));
  }

  /** The statement of `load`. */
  loading(keys: readonly RowId[]): OrderedStatement {
    const values = [keys.map((key) => key.tenant_id), keys.map((key) => key.id)];
    this.loads += 1;
    // To plan costs more than to load a few. Each is looked up (`offset 0`), also by a plan kept since the table was small.
    const often = this.loads > OFTEN && keys.length <= FEW;
    const text = often
      ? `select t.* from unnest(${hidden('$1::text[]')}, ${hidden('$2::text[]')}) as k(tenant_id, id)
          cross join lateral (
            select ${this.selected} from ${this.physical} t where t.tenant_id = k.tenant_id and t.id = k.id offset 0) t`
      : `select ${this.selected} from unnest($1::text[], $2::text[]) as k(tenant_id, id) join ${this.physical} t on t.tenant_id = k.tenant_id and t.id = k.id`;
    return { text, values, often };
  }

  /** Rows after a key in (tenant, id) order, at most `limit`. */
  async page(after: RowId | undefined, limit: number): Promise<AnyRow[]> {
    const where = after === undefined ? '' : 'where (t.tenant_id, t.id) > ($2, $3)';
    return this.database.query<AnyRow>(
      `select ${this.selected} from ${this.physical} t ${where} order by t.tenant_id, t.id limit $1`,
      after === undefined ? [limit] : [limit, after.tenant_id, after.id],
    );
  }

  async upsert(rows: readonly AnyRow[]): Promise<void> {
    for (const statement of this.upserting(rows)) await this.run(statement);
  }

  async remove(keys: readonly RowId[]): Promise<void> {
    for (const statement of this.removing(keys)) await this.run(statement);
  }

  /** The statement of `upsert`; none where there are no rows. */
  upserting(rows: readonly AnyRow[]): readonly OrderedStatement[] {
    return this.writing(`${this.insert} ${this.upserted}`, rows);
  }

  /** A statement that inserts rows that are not there yet, and leaves the others alone; none where there are no rows. */
  insertingNew(rows: readonly AnyRow[]): readonly OrderedStatement[] {
    return this.writing(`${this.insert} on conflict (tenant_id, id) do nothing`, rows);
  }

  /** The statement of `remove`; none where there are no keys. */
  removing(keys: readonly RowId[]): readonly OrderedStatement[] {
    if (keys.length === 0) return [];
    const text = `delete from ${this.physical} t using unnest($1::text[], $2::text[]) as k(tenant_id, id) where t.tenant_id = k.tenant_id and t.id = k.id`;
    return [{ text, values: [keys.map((key) => key.tenant_id), keys.map((key) => key.id)], often: false }];
  }

  private writing(text: string, rows: readonly AnyRow[]): readonly OrderedStatement[] {
    if (rows.length === 0) return [];
    this.writes += 1;
    return [{ text, values: [JSON.stringify(rows)], often: this.writes > OFTEN }];
  }

  private run<R>({ text, values, often }: OrderedStatement): Promise<R[]> {
    return often ? this.database.queryPrepared<R>(text, values) : this.database.query<R>(text, values);
  }

  async count(): Promise<number> {
    const [row] = await this.database.query<{ n: string }>(`select count(*) as n from ${this.physical}`);
    return Number(row?.n ?? 0);
  }

  /**
   * The rows in which `other` differs from this table, both of one definition, in one snapshot: how many, and the first
   * of them. Keys that `other` has in quarantine do not count.
   */
  async differences(other: ReadTable, limit = 100): Promise<Differences> {
    const names = this.columns.map(({ name }) => quoted(name));
    const rows = await this.database.query<RowDifference & { total: string }>(
      `select coalesce(a.tenant_id, b.tenant_id) as "tenantId", coalesce(a.id, b.id) as id, count(*) over () as total,
              case when a.id is null then 'extra' when b.id is null then 'missing' else 'differs' end as kind
         from (select ${names.join(', ')} from ${this.physical}) a
         full join (select ${names.join(', ')} from ${other.physical}) b on a.tenant_id = b.tenant_id and a.id = b.id
        where a is distinct from b
          and not exists (select 1 from projections.quarantine q
                           where q.table_name = $2 and q.version = $3 and q.generation = $4
                             and q.tenant_id = coalesce(a.tenant_id, b.tenant_id) and q.key = coalesce(a.id, b.id))
        order by 1, 2 limit $1`,
      [limit, this.projection.table, this.projection.version, other.generation],
    );
    return {
      total: Number(rows[0]?.total ?? 0),
      rows: rows.map(({ tenantId, id, kind }) => ({ tenantId, id, kind })),
    };
  }
}

export interface Differences {
  readonly total: number;
  /** The first hundred, by tenant and id. */
  readonly rows: readonly RowDifference[];
}

/** `missing`: the log has it and the table does not; `extra`: the other way round; `differs`: other values. */
export interface RowDifference {
  readonly tenantId: string;
  readonly id: string;
  readonly kind: 'missing' | 'extra' | 'differs';
}

function bareName(table: string, version: number, generation: number): string {
  return `rm_${table}_v${version}_${generation}`;
}

function selectExpression({ name, type }: Column): string {
  const column = `t.${quoted(name)}`;
  if (type !== 'timestamptz') return column;
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${quoted(name)}`;
}

function valueExpression({ name, type, nullable }: Column): string {
  // A JSON null is a value of a jsonb column that must have one.
  return type === 'jsonb' && !nullable ? `coalesce(r.${quoted(name)}, 'null'::jsonb)` : `r.${quoted(name)}`;
}
