import { EntitySchema, type ColumnType, type DataSource, type EntitySchemaColumnOptions } from 'typeorm';
import type { AnyProjection } from '#domain/kernel/projection.js';
import { columnsOf, type Column } from '#infra/projections/row.js';

/** A row as TypeORM types it; its where clauses cannot follow the recursive JSON type. */
export type EntityRow = Readonly<Record<string, unknown>>;

const made = new WeakMap<AnyProjection, EntitySchema<EntityRow>>();

/** The TypeORM entity over the view of a projection's version; always the same object for the same projection. */
export function entityOf(projection: AnyProjection): EntitySchema<EntityRow> {
  const known = made.get(projection);
  if (known !== undefined) return known;
  const name = `${projection.table}_v${projection.version}`;
  const columns = Object.fromEntries(columnsOf(projection).map((column) => [column.name, columnOptions(column)]));
  const entity = new EntitySchema<EntityRow>({ name, tableName: name, schema: 'read', synchronize: false, columns });
  made.set(projection, entity);
  return entity;
}

function columnOptions({ name, type, nullable }: Column): EntitySchemaColumnOptions {
  const base = { name, nullable, primary: name === 'id' || name === 'tenant_id' };
  if (type === 'text[]') return { ...base, type: 'text', array: true };
  if (type !== 'timestamptz') return { ...base, type: type as ColumnType };
  const from = (value: unknown): unknown => (value instanceof Date ? value.toISOString() : value);
  return { ...base, type, transformer: { from, to: (value: unknown) => value } };
}

/** Makes the entities of these projections known to an open data source. */
export async function registerEntities(dataSource: DataSource, projections: readonly AnyProjection[]): Promise<void> {
  dataSource.setOptions({ entities: projections.map(entityOf) });
  // TypeORM reads entities only while it opens; ours are known after the database is.
  await (dataSource as unknown as { buildMetadatas(): Promise<void> }).buildMetadatas();
}
