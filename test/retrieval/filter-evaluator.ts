import type { FilterField } from '#domain/kernel/filter/filter-field.js';
import type { Comparison, FilterValue } from '#domain/kernel/filter/filter-value.js';
import type { MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import type { Json, JsonObject } from '#domain/kernel/schema.js';

/** What a filter looks at. */
export interface FilteredDocument {
  readonly document_id: string;
  readonly filename: string;
  readonly content_type: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly labels: JsonObject;
  readonly metadata: JsonObject;
}

/** What a filter means, said the simplest way: the yardstick of every form that it is translated to. */
export function holds(filter: MetadataFilter, document: FilteredDocument): boolean {
  switch (filter.op) {
    case 'and':
      return filter.of.every((each) => holds(each, document));
    case 'or':
      return filter.of.some((each) => holds(each, document));
    case 'not':
      return !holds(filter.of, document);
    case 'exists':
      return valuesOf(filter.field, document).some((value) => value !== null);
    case 'in':
      return filter.values.some((value) => compares('eq', filter.field, value, document));
    case 'nin':
      return !filter.values.some((value) => compares('eq', filter.field, value, document));
    case 'ne':
      return !compares('eq', filter.field, filter.value, document);
    default:
      return compares(filter.op, filter.field, filter.value, document);
  }
}

function compares(
  op: Exclude<Comparison, 'ne'>,
  field: FilterField,
  value: FilterValue,
  document: FilteredDocument,
): boolean {
  return valuesOf(field, document).some((each) => {
    if (typeof each !== typeof value) return false;
    const order = orderOf(each as FilterValue, value);
    return { eq: order === 0, gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 }[op];
  });
}

/** Text by code points, which is the order of its UTF-8 bytes. */
function orderOf(a: FilterValue, b: FilterValue): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(String(b)));
  return Number(a) - Number(b);
}

/** A list stands for each of its elements, on the way and at the end. */
function valuesOf(field: FilterField, document: FilteredDocument): readonly Json[] {
  if (field.of === 'document') return [document[field.name]];
  const [from, path] =
    field.of === 'labels' ? [document.labels, [field.key]] : ([document.metadata, field.path] as const);
  let found: readonly Json[] = [from];
  for (const name of path) {
    found = found
      .flatMap((value) => listed(value))
      .flatMap((value) => (isObject(value) && Object.hasOwn(value, name) ? [value[name] as Json] : []));
  }
  return found.flatMap((value) => listed(value)).flatMap((value) => listed(value));
}

function listed(value: Json): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
