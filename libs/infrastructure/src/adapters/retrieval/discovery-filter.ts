import { CatalogueError } from '#domain/kernel/errors.js';
import { isInstantField, type FilterField } from '#domain/kernel/filter/filter-field.js';
import { filterErrors } from '#domain/kernel/filter/filter-limits.js';
import type { Comparison, FilterValue } from '#domain/kernel/filter/filter-value.js';
import type { MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import { externalKey } from './bedrock-filter.js';

const operators = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
/** What a field's name may hold in an expression, which has no way to quote one. */
const plainKey = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;

/** The filter as an expression of Discovery Engine; what that cannot say is refused with FILTER_NOT_SUPPORTED. */
export function discoveryFilter(filter: MetadataFilter): string {
  switch (filter.op) {
    case 'and':
    case 'or':
      return `(${filter.of.map(discoveryFilter).join(` ${filter.op.toUpperCase()} `)})`;
    case 'not':
      return `NOT ${discoveryFilter(filter.of)}`;
    case 'exists':
      throw unsupported('exists');
    case 'in':
      return membership(filter.field, filter.values);
    case 'nin':
      return `NOT ${membership(filter.field, filter.values)}`;
    default:
      return comparison(filter.op, filter.field, filter.value);
  }
}

function comparison(op: Comparison, field: FilterField, value: FilterValue): string {
  if (op === 'ne') return `NOT ${membership(field, [value])}`;
  if (op === 'eq') return membership(field, [value]);
  if (typeof value === 'number') return `(${keyOf(field)} ${operators[op]} ${numberText(value)})`;
  if (isInstantField(field)) return `(${keyOf(field)} ${operators[op]} ${literal(String(value))})`;
  throw unsupported(op);
}

/** Text and truth by ANY; numbers one by one. */
function membership(field: FilterField, values: readonly FilterValue[]): string {
  const key = keyOf(field);
  const texts = values.filter((value) => typeof value !== 'number').map((value) => literal(String(value)));
  const numbers = values.filter((value) => typeof value === 'number').map((value) => `${key} = ${numberText(value)}`);
  const parts = [...(texts.length === 0 ? [] : [`${key}: ANY(${texts.join(', ')})`]), ...numbers];
  return `(${parts.join(' OR ')})`;
}

/** In quotes, with what would end them escaped. */
function literal(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
}

/** Decimal, for the grammar knows no exponent. */
function numberText(value: number): string {
  const text = value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 20 });
  return text === '-0' ? '0' : text;
}

function keyOf(field: FilterField): string {
  const key = externalKey(field);
  if (!plainKey.test(key)) throw unsupported('field');
  return key;
}

function unsupported(operator: string): CatalogueError {
  return new CatalogueError(filterErrors.unsupported, { operator, provider: 'gcp_vertex' });
}
