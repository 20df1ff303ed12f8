import { meanings, valueOf, type Facts } from '#domain/capabilities/authorization/condition-closures.ports.js';
import { isDateBetween, isTimeBetween } from '#domain/capabilities/authorization/condition-values.ports.js';
import type { Comparison, Condition, Operand } from '#domain/capabilities/authorization/condition.ports.js';
import type { Json } from '#domain/kernel/schema.js';

/** A condition over rows: SQL that is never null, or true or false where the row does not matter. */
export type RowCondition = string | boolean;

export interface SqlContext {
  /** What is known before a row is looked at: everything but the resource. */
  readonly facts: Facts;
  /** The jsonb expression, never SQL null, of a variable of the resource; undefined: no row has it, it is null. */
  readonly column: (path: readonly string[]) => string | undefined;
  /** Adds a value to the statement and gives its placeholder. */
  readonly next: (value: unknown) => string;
}

/**
 * Translates a condition to SQL in two-valued logic. What does not depend on the row is decided here, by the functions that
 * decide in memory; what does is decided by their twins in the database.
 */
export function conditionSql(condition: Condition, context: SqlContext): RowCondition {
  switch (condition.op) {
    case 'constant':
      return condition.value;
    case 'all':
      return allOf(condition.of.map((each) => conditionSql(each, context)));
    case 'any':
      return anyOf(condition.of.map((each) => conditionSql(each, context)));
    case 'not':
      return notSql(conditionSql(condition.of, context));
    case 'time_between':
    case 'date_between':
      return betweenSql(condition, context);
    default:
      return comparisonSql(
        condition.op,
        operandOf(condition.left, context),
        operandOf(condition.right, context),
        context,
      );
  }
}

/** All of them: false as soon as one is. */
export function allOf(conditions: readonly RowCondition[]): RowCondition {
  if (conditions.includes(false)) return false;
  return (
    joined(
      conditions.filter((each) => each !== true),
      ' and ',
    ) ?? true
  );
}

/** Any of them: true as soon as one is. */
export function anyOf(conditions: readonly RowCondition[]): RowCondition {
  if (conditions.includes(true)) return true;
  return (
    joined(
      conditions.filter((each) => each !== false),
      ' or ',
    ) ?? false
  );
}

export function notSql(condition: RowCondition): RowCondition {
  return typeof condition === 'boolean' ? !condition : `not ${condition}`;
}

function joined(parts: readonly RowCondition[], by: string): string | undefined {
  return parts.length === 0 ? undefined : `(${parts.join(by)})`;
}

/** The value, where it is known before the row; else the expression. */
type Side = { readonly value: Json } | { readonly sql: string };

function operandOf(operand: Operand, { facts, column }: SqlContext): Side {
  if (operand.kind === 'literal' || operand.path[0] !== 'resource') return { value: valueOf(operand, facts) };
  const sql = column(operand.path.slice(1));
  return sql === undefined ? { value: null } : { sql };
}

const templates: Readonly<Record<Comparison, (left: string, right: string) => string>> = {
  eq: (left, right) => `(${left} = ${right})`,
  ne: (left, right) => `(${left} <> ${right})`,
  in: (left, right) => `authz.is_in(${left}, ${right})`,
  not_in: (left, right) => `(not authz.is_in(${left}, ${right}))`,
  gt: (left, right) => `coalesce(authz.compare(${left}, ${right}) > 0, false)`,
  gte: (left, right) => `coalesce(authz.compare(${left}, ${right}) >= 0, false)`,
  lt: (left, right) => `coalesce(authz.compare(${left}, ${right}) < 0, false)`,
  lte: (left, right) => `coalesce(authz.compare(${left}, ${right}) <= 0, false)`,
  contains: (left, right) => `authz.has_part(${left}, ${right})`,
  starts_with: (left, right) => `authz.has_prefix(${left}, ${right})`,
};

function comparisonSql(op: Comparison, left: Side, right: Side, { next }: SqlContext): RowCondition {
  if ('value' in left && 'value' in right) return meanings[op](left.value, right.value);
  const sqlOf = (side: Side): string => ('sql' in side ? side.sql : `${next(JSON.stringify(side.value))}::text::jsonb`);
  return templates[op](sqlOf(left), sqlOf(right));
}

function betweenSql(
  condition: Extract<Condition, { op: 'time_between' | 'date_between' }>,
  context: SqlContext,
): RowCondition {
  const side = operandOf(condition.value, context);
  const { next } = context;
  if (condition.op === 'date_between') {
    const { from, to } = condition;
    if ('value' in side) return isDateBetween(side.value, from, to);
    return `coalesce(authz.instant_ms(${side.sql}) between ${next(from)}::bigint and ${next(to)}::bigint, false)`;
  }
  const { start, end } = condition;
  if ('value' in side) return isTimeBetween(side.value, start, end);
  const time = `authz.time_of_day(${side.sql}) collate "C"`;
  const [from, to] = [`${next(start)}::text`, `${next(end)}::text`];
  return `coalesce(${time} >= ${from} ${start <= end ? 'and' : 'or'} ${time} <= ${to}, false)`;
}
