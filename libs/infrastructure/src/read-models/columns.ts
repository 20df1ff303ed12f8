import type { AnyProjection } from '#domain/kernel/projection.js';
import { columnsOf, type Column } from '#infra/projections/row.js';
import { viewName } from '#infra/projections/read-table.js';

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A read model's view and how its columns come out: instants as ISO strings with milliseconds and `Z`, bigints as text. */
export interface ViewSql {
  readonly view: string;
  readonly selected: string;
  readonly columns: ReadonlyMap<string, Column>;
}

/** The SQL of a projection's own version; a rebuild repoints the view while readers go on. */
export function viewSqlOf(projection: AnyProjection): ViewSql {
  const columns = columnsOf(projection);
  return {
    view: viewName(projection.table, projection.version),
    selected: columns.map(selectExpression).join(', '),
    columns: new Map(columns.map((column) => [column.name, column])),
  };
}

/** The SQL of read models with the same columns as one: each is read by its own indexes. Throws TypeError when they differ. */
export function unionSqlOf(projections: readonly AnyProjection[]): ViewSql {
  const [first, ...others] = projections.map(viewSqlOf);
  if (first === undefined) throw new TypeError('a union has at least one part');
  const names = [...first.columns.keys()];
  if (others.some(({ columns }) => names.some((name) => columns.get(name)?.type !== first.columns.get(name)?.type)))
    throw new TypeError('the parts of a union differ');
  const parts = [first, ...others].map(({ view }) => `select ${names.map(quoted).join(', ')} from ${view}`);
  return { ...first, view: `(${parts.join(' union all ')})` };
}

function selectExpression({ name, type }: Column): string {
  const column = `t.${quoted(name)}`;
  if (type !== 'timestamptz') return column;
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${quoted(name)}`;
}
