import { createHash } from 'node:crypto';
import type { AnyProjection, AnyRow, BaseColumn, Projection } from '#domain/kernel/projection.js';
import type { Json } from '#domain/kernel/schema.js';

export interface Column {
  readonly name: string;
  readonly type: BaseColumn;
  readonly nullable: boolean;
}

/** The columns of a projection in a fixed order: tenant, id, then the others as declared. */
export function columnsOf(projection: AnyProjection): readonly Column[] {
  const declared = projection.columns as Readonly<Record<string, string>>;
  const names = ['tenant_id', 'id', ...Object.keys(declared).filter((name) => name !== 'id' && name !== 'tenant_id')];
  return names.map((name) => {
    const type = declared[name] ?? 'text';
    const nullable = type.endsWith('?');
    return { name, nullable, type: (nullable ? type.slice(0, -1) : type) as BaseColumn };
  });
}

/** A row as the table would give it back, so that a fold sees the same row from memory and from the table. */
export function normaliseRow(columns: readonly Column[], row: Readonly<Record<string, unknown>>): AnyRow {
  const normal: Record<string, Json> = {};
  for (const { name, type, nullable } of columns) {
    const value = row[name];
    if (value === undefined || value === null) {
      if (!nullable && type !== 'jsonb') throw new TypeError(`column ${name} must have a value`);
      normal[name] = null;
    } else normal[name] = normaliseValue(type, value as Json);
  }
  return normal as AnyRow;
}

function normaliseValue(type: BaseColumn, value: Json): Json {
  if (type === 'timestamptz') return typeof value === 'string' && value.length === 24 ? value : toIso(value);
  if (type === 'bigint') return BigInt(value as string | number).toString();
  if (type === 'uuid' && typeof value === 'string') return value.toLowerCase();
  return value;
}

function toIso(value: Json): string {
  return new Date(value as string).toISOString();
}

/** JSON with sorted keys: equal values have equal text, whatever order `jsonb` gave their keys. */
export function stableJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(stableJson).join(',')}]`;
  const object = value;
  const members = Object.keys(object)
    .filter((key) => object[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${stableJson(object[key] ?? null)}`);
  return `{${members.join(',')}}`;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** SHA-256 of a normalised row in base64. */
export function rowDigest(row: AnyRow): string {
  return createHash('sha256').update(stableJson(row)).digest('base64');
}

/** One string for (tenant, id); a tenant id holds no slash. */
export function rowKey(tenantId: string, id: string): string {
  return `${tenantId}/${id}`;
}

/** Names the definition: a same-version rebuild of an equal definition must give equal rows. */
export function definitionHash(projection: AnyProjection): string {
  const { columns, form, indexes, key, on, onAny } = projection as Readonly<Record<keyof Projection, unknown>>;
  const handlers = Object.entries(on as Readonly<Record<string, unknown>>).map(([type, fold]) => [type, String(fold)]);
  const text = JSON.stringify([columns, form, indexes, String(key), handlers, String(onAny)]);
  return createHash('sha256').update(text).digest('hex');
}
