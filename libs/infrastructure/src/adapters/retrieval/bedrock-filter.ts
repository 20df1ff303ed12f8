import type { FilterAttribute, RetrievalFilter } from '@aws-sdk/client-bedrock-agent-runtime';
import { CatalogueError } from '#domain/kernel/errors.js';
import { fieldName, type FilterField } from '#domain/kernel/filter/filter-field.js';
import { filterErrors } from '#domain/kernel/filter/filter-limits.js';
import type { Comparison, FilterValue } from '#domain/kernel/filter/filter-value.js';
import type { MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';

const members = {
  eq: 'equals',
  ne: 'notEquals',
  gt: 'greaterThan',
  gte: 'greaterThanOrEquals',
  lt: 'lessThan',
  lte: 'lessThanOrEquals',
} as const;
const opposite = { eq: 'ne', ne: 'eq', gt: 'lte', gte: 'lt', lt: 'gte', lte: 'gt', in: 'nin', nin: 'in' } as const;

/**
 * The filter in Bedrock's own form. `not` goes down to the comparisons, for there is none; `exists` cannot be said at all, and is
 * refused with FILTER_NOT_SUPPORTED. Bedrock itself decides what a comparison means for a document without the field.
 */
export function bedrockFilter(filter: MetadataFilter, negated = false): RetrievalFilter {
  switch (filter.op) {
    case 'and':
    case 'or':
      return group((filter.op === 'and') !== negated ? 'andAll' : 'orAll', filter.of, negated);
    case 'not':
      return bedrockFilter(filter.of, !negated);
    case 'exists':
      throw new CatalogueError(filterErrors.unsupported, { operator: 'exists', provider: 'aws_bedrock_kb' });
    case 'in':
    case 'nin': {
      const op = negated ? opposite[filter.op] : filter.op;
      const attribute = { key: externalKey(filter.field), value: [...filter.values] };
      return op === 'in' ? { in: attribute } : { notIn: attribute };
    }
    default:
      return comparison(negated ? opposite[filter.op] : filter.op, filter.field, filter.value);
  }
}

/** The name under which an external store keeps a field: metadata has no prefix there. */
export function externalKey(field: FilterField): string {
  return field.of === 'metadata' ? field.path.join('.') : fieldName(field);
}

function comparison(op: Comparison, field: FilterField, value: FilterValue): RetrievalFilter {
  if (typeof value !== 'number' && op !== 'eq' && op !== 'ne')
    throw new CatalogueError(filterErrors.unsupported, { operator: op, provider: 'aws_bedrock_kb' });
  const attribute: FilterAttribute = { key: externalKey(field), value };
  return { [members[op]]: attribute } as unknown as RetrievalFilter;
}

/** A group has two members at least; nested groups of one kind are one. */
function group(kind: 'andAll' | 'orAll', of: readonly MetadataFilter[], negated: boolean): RetrievalFilter {
  const members = of
    .map((each) => bedrockFilter(each, negated))
    .flatMap((each) => (each as unknown as Readonly<Record<string, RetrievalFilter[] | undefined>>)[kind] ?? [each]);
  const [only, second] = members;
  return only !== undefined && second === undefined ? only : ({ [kind]: members } as unknown as RetrievalFilter);
}
