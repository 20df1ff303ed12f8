import type { Json, JsonObject } from '../schema.js';
import type { Refusal } from '../errors.js';
import { fieldName, fieldOf, type FilterField } from './filter-field.js';
import { Limits, problem, tooComplex, type Problem } from './filter-limits.js';
import { comparedValue, comparisons, listedValues, type Comparison, type FilterValue } from './filter-value.js';

/**
 * A condition on a document. It is true or false, never unknown: what is missing equals nothing, so `ne`, `nin` and `not` hold
 * for it. A list stands for each of its elements; values of different types are neither equal nor ordered.
 */
export type MetadataFilter =
  | { readonly op: 'and' | 'or'; readonly of: readonly MetadataFilter[] }
  | { readonly op: 'not'; readonly of: MetadataFilter }
  | { readonly op: 'exists'; readonly field: FilterField }
  | { readonly op: 'in' | 'nin'; readonly field: FilterField; readonly values: readonly FilterValue[] }
  | { readonly op: Comparison; readonly field: FilterField; readonly value: FilterValue };

type Read = MetadataFilter | Problem;

/** Reads a filter; `{}` is none. A refusal says where and why, and never repeats what was sent. */
export function parseFilter(input: unknown): MetadataFilter | undefined | Refusal {
  if (isObject(input) && Object.keys(input).length === 0) return undefined;
  const tooLarge = Limits.sizeProblem(input);
  if (tooLarge !== undefined) return tooLarge.refusal;
  const read = condition(input, '$', 1, new Limits());
  return 'refusal' in read ? read.refusal : read;
}

/** The filter as a caller writes it. */
export function filterJson(filter: MetadataFilter): JsonObject {
  switch (filter.op) {
    case 'and':
    case 'or':
      return { [filter.op]: filter.of.map(filterJson) };
    case 'not':
      return { not: filterJson(filter.of) };
    case 'exists':
      return { exists: fieldName(filter.field) };
    case 'in':
    case 'nin':
      return { [filter.op]: [fieldName(filter.field), filter.values] };
    default:
      return { [filter.op]: [fieldName(filter.field), filter.value] };
  }
}

type Reader = (value: Json | undefined, at: string, depth: number, limits: Limits) => Read;

const readers: Readonly<Record<string, Reader>> = {
  and: (value, at, depth, limits) => several('and', value, at, depth, limits),
  or: (value, at, depth, limits) => several('or', value, at, depth, limits),
  not: (value, at, depth, limits) => {
    const of = condition(value, at, depth + 1, limits);
    return 'refusal' in of ? of : { op: 'not', of };
  },
  exists: (value, at) => {
    const field = fieldOf(isObject(value) && Object.keys(value).length === 1 ? value['field'] : value);
    return field === undefined ? problem(at, 'must name a field') : { op: 'exists', field };
  },
  in: (value, at) => membership('in', value, at),
  nin: (value, at) => membership('nin', value, at),
  ...Object.fromEntries(comparisons.map((op): [string, Reader] => [op, (value, at) => comparison(op, value, at)])),
};

function condition(input: unknown, at: string, depth: number, limits: Limits): Read {
  const complex = limits.enter(at, depth);
  if (complex !== undefined) return complex;
  if (!isObject(input)) return problem(at, 'must be an object');
  const [entry, ...others] = Object.entries(input);
  if (entry === undefined || others.length > 0) return problem(at, 'must hold exactly one operator');
  const [op, value] = entry;
  const reader = Object.hasOwn(readers, op) ? readers[op] : undefined;
  return reader === undefined ? problem(at, 'holds an unknown operator') : reader(value, `${at}.${op}`, depth, limits);
}

function several(op: 'and' | 'or', value: Json | undefined, at: string, depth: number, limits: Limits): Read {
  if (!Array.isArray(value) || value.length === 0) return problem(at, 'must be a list with at least one condition');
  const of: MetadataFilter[] = [];
  for (const [index, item] of (value as readonly Json[]).entries()) {
    const read = condition(item, `${at}[${index}]`, depth + 1, limits);
    if ('refusal' in read) return read;
    of.push(read);
  }
  return { op, of };
}

/** The two sides of a comparison: `[field, value]` or `{"field": …, "value": …}`. */
function sides(input: Json | undefined, at: string): Problem | { field: FilterField; value: Json } {
  const pair = isObject(input) ? ownPair(input) : input;
  const [name, value, ...others] = Array.isArray(pair) ? (pair as readonly Json[]) : [];
  if (value === undefined || others.length > 0)
    return problem(at, 'must be [field, value] or {"field": …, "value": …}');
  const field = fieldOf(name);
  return field === undefined ? problem(at, 'must name a field') : { field, value };
}

function ownPair(input: JsonObject): readonly Json[] | undefined {
  const { field, value, ...others } = input;
  return field === undefined || value === undefined || Object.keys(others).length > 0 ? undefined : [field, value];
}

function comparison(op: Comparison, input: Json | undefined, at: string): Read {
  const pair = sides(input, at);
  if ('refusal' in pair) return pair;
  const value = comparedValue(pair.field, op, pair.value);
  return typeof value === 'object' ? problem(at, value.problem) : { op, field: pair.field, value };
}

function membership(op: 'in' | 'nin', input: Json | undefined, at: string): Read {
  const pair = sides(input, at);
  if ('refusal' in pair) return pair;
  const { field } = pair;
  if (!Array.isArray(pair.value) || pair.value.length === 0) return problem(at, 'needs a list with at least one value');
  if (pair.value.length > Limits.values) return tooComplex(at, `may list at most ${Limits.values} values`);
  const values = listedValues(field, pair.value as readonly Json[]);
  return 'problem' in values ? problem(at, values.problem) : { op, field, values: values.values };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
