import { isInstantField, type FilterField } from '#domain/kernel/filter/filter-field.js';
import type { Comparison, FilterValue } from '#domain/kernel/filter/filter-value.js';
import type { MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';

/** Where a filter finds a document's row and its metadata: an alias, and SQL that gives jsonb. */
export interface FilterPlace {
  readonly document: string;
  readonly metadata: string;
}

type Next = (value: unknown) => string;

const operators = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
type Operator = keyof typeof operators;

/** A filter as SQL. Each leaf is true or false and never null, so that `not` means what it says; values go through `next`. */
export function filterSql(filter: MetadataFilter, place: FilterPlace, next: Next): string {
  switch (filter.op) {
    case 'and':
    case 'or':
      return `(${filter.of.map((each) => filterSql(each, place, next)).join(` ${filter.op} `)})`;
    case 'not':
      return `not ${filterSql(filter.of, place, next)}`;
    case 'exists':
      return existence(filter.field, place, next);
    case 'in':
      return membership(filter.field, filter.values, place, next);
    case 'nin':
      return `not ${membership(filter.field, filter.values, place, next)}`;
    default:
      return comparison(filter.op, filter.field, filter.value, place, next);
  }
}

function existence(field: FilterField, place: FilterPlace, next: Next): string {
  if (field.of === 'document') return `(${place.document}.${field.name} is not null)`;
  return pathExists(field, '@ != null', {}, place, next);
}

function membership(field: FilterField, values: readonly FilterValue[], place: FilterPlace, next: Next): string {
  if (field.of !== 'document') return pathExists(field, '@ == $v[*]', { v: values }, place, next);
  return `coalesce(${place.document}.${field.name} = any(${next([...values])}::${typeOf(field)}[]), false)`;
}

function comparison(op: Comparison, field: FilterField, value: FilterValue, place: FilterPlace, next: Next): string {
  if (op === 'ne') return `not ${comparison('eq', field, value, place, next)}`;
  if (field.of === 'document') return columnComparison(op, field, value, place, next);
  const operator = op === 'eq' ? '==' : operators[op];
  return pathExists(field, `@ ${operator} $v`, { v: value }, place, next);
}

/** Text is ordered by code points, as a JSON path orders it, whatever the database's own order is. */
function columnComparison(
  op: Operator,
  field: Extract<FilterField, { of: 'document' }>,
  value: FilterValue,
  { document }: FilterPlace,
  next: Next,
): string {
  const column = `${document}.${field.name}${typeOf(field) === 'text' ? ' collate "C"' : ''}`;
  return `coalesce(${column} ${operators[op]} ${next(value)}::${typeOf(field)}, false)`;
}

/** A lax JSON path, which looks into lists by itself; what it cannot compare it does not find. */
function pathExists(
  field: Exclude<FilterField, { of: 'document' }>,
  predicate: string,
  vars: Readonly<Record<string, unknown>>,
  place: FilterPlace,
  next: Next,
): string {
  const names = field.of === 'labels' ? [field.key] : field.path;
  const path = `lax $${names.map((name) => `.${JSON.stringify(name)}`).join('')} ? (${predicate})`;
  const from = field.of === 'labels' ? `${place.document}.labels` : place.metadata;
  return `coalesce(jsonb_path_exists(${from}, ${next(path)}::jsonpath, ${next(JSON.stringify(vars))}::jsonb, true), false)`;
}

function typeOf(field: FilterField): 'text' | 'timestamptz' {
  return isInstantField(field) ? 'timestamptz' : 'text';
}
