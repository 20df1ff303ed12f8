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

function selectExpression({ name, type }: Column): string {
  const column = `t.${quoted(name)}`;
  if (type !== 'timestamptz') return column;
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${quoted(name)}`;
}
