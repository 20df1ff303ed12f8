import type { Repository } from 'typeorm';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { DomainEvent } from '#domain/kernel/events.js';
import type { AnyProjection, Columns, Projection, RowOf } from '#domain/kernel/projection.js';
import type { Json } from '#domain/kernel/schema.js';
import type { Database } from '#infra/database/database.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import { quoted, unionSqlOf, viewSqlOf, type ViewSql } from './columns.js';
import { conditionsSql, Params, searchSql, type Matching, type Search, type Where } from './conditions.js';
import { entityOf, registerEntities, type EntityRow } from './entity.js';
import { listHash, plainCursors, readModelErrors, type CursorForm } from './cursor.js';

export type Direction = 'asc' | 'desc';

type Order = readonly (readonly [column: string, Direction])[];

/** Which rows are meant: all conditions hold, and the search finds them. */
export interface Selection<R> {
  readonly where?: Where<R>;
  readonly search?: Search<R> | undefined;
  readonly matching?: Matching | undefined;
  /** What the caller may see of them; absent: all. */
  readonly visible?: VisibilityPredicate | undefined;
}

export interface PageOptions<R> extends Selection<R> {
  /** Columns that are never null; the id decides between equals. By default the id, ascending. */
  readonly orderBy?: readonly (readonly [column: keyof R & string, direction: Direction])[];
  readonly limit: number;
  /** Rows to leave out first, for clients that page by number; a cursor is steadier. */
  readonly offset?: number;
  /** `next` of the page before. Another list's cursor is refused with INVALID_CURSOR. */
  readonly cursor?: string | undefined;
  /** How cursors are written; readable text by default. */
  readonly cursors?: CursorForm;
}

/** How many of the rows have a value. */
export interface FacetCount {
  readonly value: string;
  readonly count: number;
}

/** Values of a facet beyond these are left out. */
const FACET_VALUES = 100;

export interface RowPage<R> {
  readonly rows: readonly R[];
  /** The cursor of the next page; null at the end. */
  readonly next: string | null;
}

/** Queries over every tenant: for operators' code only, never behind a tenant's key. */
export interface AcrossTenants<R> {
  page(options: PageOptions<R>): Promise<RowPage<R>>;
  count(where?: Where<R>): Promise<number>;
  /** TypeORM over the view, for what pages do not offer; needs `ReadModels.open`, and no ambient transaction. */
  repository(): Repository<EntityRow>;
}

/** The read models of this build, each through the view of its own version. */
export class ReadModels {
  private readonly made = new Map<AnyProjection, ReadModel<never>>();

  constructor(private readonly database: Database) {}

  /** Read models whose entities TypeORM knows, too. */
  static async open(database: Database, projections: readonly AnyProjection[]): Promise<ReadModels> {
    await registerEntities(database.dataSource, projections);
    return new ReadModels(database);
  }

  for<E extends DomainEvent, C extends Columns>(projection: Projection<E, C>): ReadModel<RowOf<C>> {
    const known = this.made.get(projection);
    if (known !== undefined) return known as unknown as ReadModel<RowOf<C>>;
    const model = new ReadModel<RowOf<C>>(this.database, projection);
    this.made.set(projection, model as unknown as ReadModel<never>);
    return model;
  }

  /** Read models of equal columns as one. */
  union<E extends DomainEvent, C extends Columns>(
    first: Projection<E, C>,
    ...others: readonly Projection<E, C>[]
  ): ReadModel<RowOf<C>> {
    return new ReadModel(this.database, first, unionSqlOf([first, ...others]));
  }
}

/** One read model. Every query names its tenant, except those behind `acrossTenants()`. */
export class ReadModel<R> {
  private readonly findSql: string;

  constructor(
    private readonly database: Database,
    private readonly projection: AnyProjection,
    private readonly sql: ViewSql = viewSqlOf(projection),
  ) {
    this.findSql = `select ${this.sql.selected} from ${this.sql.view} t where t.tenant_id = $1 and t.id = $2`;
  }

  async find(tenantId: string, id: string): Promise<R | undefined> {
    const [row] = await this.database.queryTogether<R>(this.findSql, [tenantId, id]);
    return row;
  }

  /** One page in a total order: rows that come or go meanwhile neither repeat nor hide others. */
  page(tenantId: string, options: PageOptions<R>): Promise<RowPage<R>> {
    return this.pageOf(tenantId, options);
  }

  count(tenantId: string, where: Where<R> = {}): Promise<number> {
    return this.countOf(tenantId, where);
  }

  /** The values of a text column among these rows, the most frequent first; `atMost` bounds how many rows are counted. */
  async facet(
    tenantId: string,
    column: keyof R & string,
    { atMost, ...selection }: Selection<R> & { readonly atMost?: number } = {},
  ): Promise<readonly FacetCount[]> {
    const params = new Params();
    const conditions = this.conditions(tenantId, selection, params);
    const value = `t.${quoted(column)}`;
    return this.database.query<FacetCount>(
      `select value, count(*)::int as count
         from (select ${value} as value from ${this.sql.view} t where ${conditions.join(' and ')}
                limit ${params.add(atMost ?? null, 'bigint')}) v
        where value is not null group by 1 order by 2 desc, 1 limit ${FACET_VALUES}`,
      params.values,
    );
  }

  acrossTenants(): AcrossTenants<R> {
    return {
      page: (options) => this.pageOf(undefined, options),
      count: (where = {}) => this.countOf(undefined, where),
      repository: () => this.database.dataSource.getRepository(entityOf(this.projection)),
    };
  }

  private async countOf(tenantId: string | undefined, where: Where<R>): Promise<number> {
    const params = new Params();
    const conditions = this.conditions(tenantId, { where }, params);
    const [row] = await this.database.query<{ n: string }>(
      `select count(*) as n from ${this.sql.view} t where ${conditions.join(' and ')}`,
      params.values,
    );
    return Number(row?.n ?? 0);
  }

  private async pageOf(tenantId: string | undefined, options: PageOptions<R>): Promise<RowPage<R>> {
    const { limit, cursor, cursors = plainCursors } = options;
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError('a page holds at least one row');
    const order = this.totalOrder(tenantId, options.orderBy ?? []);
    const list = this.nameOf(tenantId, options, order);
    const params = new Params();
    const conditions = this.conditions(tenantId, options, params);
    if (cursor !== undefined) conditions.push(this.after(order, cursors.read(cursor, list, order.length), params));
    const rows = await this.fetch(conditions, order, options, params);
    const next = rows.length > limit ? cursors.write(list, placeOf(rows[limit - 1], order)) : null;
    return { rows: rows.slice(0, limit), next };
  }

  private nameOf(tenantId: string | undefined, { where = {}, search, matching }: Selection<R>, order: Order): string {
    const more = [
      ...(search === undefined ? [] : [search]),
      ...(matching === undefined ? [] : [{ matching: matching.name }]),
    ];
    return listHash(this.sql.view, tenantId ?? null, where, order, ...more);
  }

  private async fetch(
    conditions: readonly string[],
    order: Order,
    { limit, offset = 0, cursor, search, matching, visible }: PageOptions<R>,
    params: Params,
  ): Promise<R[]> {
    const sorted = order.map(([name, direction]) => `t.${quoted(name)} ${direction}`).join(', ');
    const text = `select ${this.sql.selected} from ${this.sql.view} t where ${conditions.join(' and ')}
      order by ${sorted} limit ${params.add(limit + 1, 'int')} offset ${params.add(offset, 'bigint')}`;
    try {
      // The best plan depends on what is looked for, and there are as many texts as conditions and as tenants' own rules.
      if (search !== undefined || matching !== undefined || visible?.varies === true)
        return await this.database.query<R>(text, params.values);
      return await this.database.queryTogether<R>(text, params.values);
    } catch (error) {
      // A forged cursor can hold a value that its column cannot read (class 22: data exception).
      const code = (error as { readonly code?: unknown }).code;
      if (cursor === undefined || typeof code !== 'string' || !code.startsWith('22')) throw error;
      throw new CatalogueError(readModelErrors.invalidCursor, undefined, { cause: error });
    }
  }

  private conditions(
    tenantId: string | undefined,
    { where = {}, search, matching, visible }: Selection<R>,
    params: Params,
  ): string[] {
    const own = tenantId === undefined ? 'true' : `t.tenant_id = ${params.add(tenantId, 'text')}`;
    const found = search === undefined ? [] : [searchSql(this.sql, search, params)];
    const matched = matching === undefined ? [] : [`(${matching.sql('t', params.next)})`];
    const seen = visible === undefined ? [] : [`(${visible('t', params.next)})`];
    return [own, ...conditionsSql(this.sql, where, params), ...found, ...matched, ...seen];
  }

  private totalOrder(tenantId: string | undefined, orderBy: Order): Order {
    for (const [name] of orderBy) {
      const column = this.sql.columns.get(name);
      if (column === undefined || column.nullable) throw new TypeError(`${this.sql.view} cannot be ordered by ${name}`);
    }
    const last = orderBy.at(-1)?.[1] ?? 'asc';
    const named = new Set(orderBy.map(([name]) => name));
    const ties = tenantId === undefined ? ['tenant_id', 'id'] : ['id'];
    return [...orderBy, ...ties.filter((name) => !named.has(name)).map((name) => [name, last] as const)];
  }

  /** The rows after a cursor; one row comparison, which an index serves, when all columns go the same way. */
  private after(order: Order, values: readonly Json[], params: Params): string {
    const columns = order.map(([name, direction], index) => ({
      column: `t.${quoted(name)}`,
      value: params.add(values[index], this.sql.columns.get(name)?.type ?? 'text'),
      operator: direction === 'asc' ? '>' : '<',
    }));
    if (columns.every(({ operator }) => operator === columns[0]?.operator)) {
      const left = columns.map(({ column }) => column).join(', ');
      const right = columns.map(({ value }) => value).join(', ');
      return `(${left}) ${columns[0]?.operator ?? '>'} (${right})`;
    }
    const steps = columns.map(({ column, value, operator }, index) => {
      const equal = columns.slice(0, index).map((before) => `${before.column} = ${before.value}`);
      return `(${[...equal, `${column} ${operator} ${value}`].join(' and ')})`;
    });
    return `(${steps.join(' or ')})`;
  }
}

function placeOf(row: unknown, order: Order): readonly Json[] {
  return order.map(([name]) => (row as Readonly<Record<string, Json>>)[name] ?? null);
}
