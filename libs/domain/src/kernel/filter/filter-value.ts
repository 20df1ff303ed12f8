import type { Json } from '../schema.js';
import { instantIn } from '../time.js';
import { isInstantField, isStorable, type FilterField } from './filter-field.js';

export const comparisons = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte'] as const;
export type Comparison = (typeof comparisons)[number];

/** Null is no value: `exists` asks whether there is one. */
export type FilterValue = string | number | boolean;

export interface ValueProblem {
  readonly problem: string;
}

const longestText = 1_024;
const instant = /^[1-9]\d{3}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** The value of a comparison; an instant comes out as ISO 8601 in UTC. */
export function comparedValue(field: FilterField, op: Comparison, value: Json): FilterValue | ValueProblem {
  if (typeof value === 'boolean' && op !== 'eq' && op !== 'ne') return { problem: 'orders text and numbers only' };
  return valueOf(field, value);
}

export function listedValues(
  field: FilterField,
  list: readonly Json[],
): { readonly values: readonly FilterValue[] } | ValueProblem {
  const values: FilterValue[] = [];
  for (const each of list) {
    const value = valueOf(field, each);
    if (typeof value === 'object') return value;
    values.push(value);
  }
  return { values };
}

function valueOf(field: FilterField, value: Json): FilterValue | ValueProblem {
  if (isInstantField(field)) return instantOf(value);
  if (field.of !== 'metadata' && typeof value !== 'string') return { problem: 'compares this field with text only' };
  if (typeof value === 'number') return Number.isFinite(value) ? value : { problem: 'needs a finite number' };
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return { problem: 'needs text, a number, true or false' };
  if (value.length > longestText) return { problem: `needs text of at most ${longestText} characters` };
  return isStorable(value) ? value : { problem: 'needs text without NUL and without half a surrogate pair' };
}

/** A day is its first instant in UTC. */
function instantOf(value: Json): string | ValueProblem {
  const wrong = { problem: 'needs a time such as 2026-01-31T12:00:00Z' };
  if (typeof value !== 'string' || !instant.test(value)) return wrong;
  const day = value.slice(0, 10);
  // `Date` would take the 31st of February for a day in March.
  return instantIn(`${day}T00:00:00Z`)?.startsWith(day) === true ? (instantIn(value) ?? wrong) : wrong;
}
