import type { AnyProjection } from '#domain/kernel/projection.js';
import type { Json } from '#domain/kernel/schema.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Database } from '#infra/database/database.js';
import { quoted, viewSqlOf, type ViewSql } from './columns.js';
import { conditionsSql, Params, type Where } from './conditions.js';
import { listHash, readCursor, readModelErrors, writeCursor } from './cursor.js';
import type { RowPage } from './read-models.js';

export interface MergedPageOptions<R> {
  readonly where: Where<R>;
  /** The read models that can hold such rows; all by default. */
  readonly from?: readonly AnyProjection[];
  readonly limit: number;
  /** Rows to leave out first; each of them is read. */
  readonly offset?: number;
  readonly cursor?: string | undefined;
}

/**
 * Read models of equal columns as one list, in one total order, all columns of it descending. Each is read by its own index,
 * no further than the page needs, and all in one snapshot.
 */
export class MergedModels<R> {
  private readonly parts: readonly (readonly [AnyProjection, ViewSql])[];

  /** `order` names columns that are never null; the last of them is unique. */
  constructor(
    private readonly database: Database,
    projections: readonly AnyProjection[],
    private readonly order: readonly (keyof R & string)[],
  ) {
    this.parts = projections.map((projection) => [projection, viewSqlOf(projection)]);
  }

  /** One page: rows that come meanwhile neither repeat nor hide others. Another list's cursor is refused with INVALID_CURSOR. */
  async page(tenantId: string, options: MergedPageOptions<R>): Promise<RowPage<R>> {
    const { where, limit, cursor, offset = 0, from } = options;
    const parts = this.parts.filter(([projection]) => from?.includes(projection) ?? true);
    const hash = listHash(this.parts.map(([, sql]) => sql.view).join(' '), tenantId, where, this.order);
    const after = cursor === undefined ? undefined : readCursor(cursor, hash, this.order.length);
    if (parts.length === 0) return { rows: [], next: null };
    const params = new Params();
    const most = params.add(offset + limit + 1, 'int');
    const branches = parts.map(([, sql]) => this.branch(sql, tenantId, where, { after, most }, params));
    const rows = await this.read(
      `select * from (${branches.join(' union all ')}) u order by ${this.sorted('u')}
        limit ${params.add(limit + 1, 'int')} offset ${params.add(offset, 'int')}`,
      params,
      after !== undefined,
    );
    return { rows: rows.slice(0, limit), next: rows.length > limit ? this.cursorAt(hash, rows[limit - 1]) : null };
  }

  private cursorAt(hash: string, row: R | undefined): string {
    const values = row as Readonly<Record<string, Json>>;
    return writeCursor(
      hash,
      this.order.map((name) => values[name] ?? null),
    );
  }

  /** The row with an id, in whichever read model it is. */
  async find(tenantId: string, id: string): Promise<{ readonly row: R; readonly in: AnyProjection } | undefined> {
    for (const [projection, { view, selected }] of this.parts) {
      const text = `select ${selected} from ${view} t where t.tenant_id = $1 and t.id = $2`;
      const [row] = await this.database.queryTogether<R>(text, [tenantId, id]);
      if (row !== undefined) return { row, in: projection };
    }
    return undefined;
  }

  private branch(
    sql: ViewSql,
    tenantId: string,
    where: Where<R>,
    part: { readonly after: readonly Json[] | undefined; readonly most: string },
    params: Params,
  ): string {
    const own = `t.tenant_id = ${params.add(tenantId, 'text')}`;
    const conditions = [own, ...conditionsSql(sql, where, params)];
    if (part.after !== undefined) {
      const values = this.order.map((name, at) => params.add(part.after?.[at], sql.columns.get(name)?.type ?? 'text'));
      conditions.push(`(${this.order.map((name) => `t.${quoted(name)}`).join(', ')}) < (${values.join(', ')})`);
    }
    return `(select ${sql.selected} from ${sql.view} t where ${conditions.join(' and ')}
      order by ${this.sorted('t')} limit ${part.most})`;
  }

  private sorted(alias: string): string {
    return this.order.map((name) => `${alias}.${quoted(name)} desc`).join(', ');
  }

  /** Planned anew each time: which index is best hangs on what was asked for. */
  private async read(text: string, params: Params, withCursor: boolean): Promise<R[]> {
    try {
      return await this.database.query<R>(text, params.values);
    } catch (error) {
      // A forged cursor can hold a value that its column cannot read (class 22: data exception).
      const code = (error as { readonly code?: unknown }).code;
      if (!withCursor || typeof code !== 'string' || !code.startsWith('22')) throw error;
      throw new CatalogueError(readModelErrors.invalidCursor, undefined, { cause: error });
    }
  }
}
