import type { Json, JsonObject } from '../../kernel/schema.js';
import type { Comparison, Condition, Operand } from './condition.ports.js';
import {
  compare,
  contains,
  isDateBetween,
  isEqual,
  isIn,
  isTimeBetween,
  startsWith,
} from './condition-values.ports.js';

/** What the variables of conditions are looked up in: `principal`, `resource`, `request`, `context`. */
export type Facts = Readonly<Record<string, Json>>;

/** A condition as a function; it never throws. */
export type Test = (facts: Facts) => boolean;

type Read = (facts: Facts) => Json;

/** The meaning of each comparison of two values. */
export const meanings: Readonly<Record<Comparison, (left: Json, right: Json) => boolean>> = {
  eq: isEqual,
  ne: (left, right) => !isEqual(left, right),
  in: isIn,
  not_in: (left, right) => !isIn(left, right),
  gt: (left, right) => (compare(left, right) ?? 0) > 0,
  gte: (left, right) => (compare(left, right) ?? -1) >= 0,
  lt: (left, right) => (compare(left, right) ?? 0) < 0,
  lte: (left, right) => (compare(left, right) ?? 1) <= 0,
  contains,
  starts_with: startsWith,
};

/** Compiles a condition once, so that a decision only reads and compares. */
export function compileCondition(condition: Condition): Test {
  switch (condition.op) {
    case 'constant': {
      const { value } = condition;
      return () => value;
    }
    case 'all': {
      const tests = condition.of.map(compileCondition);
      return (facts) => tests.every((test) => test(facts));
    }
    case 'any': {
      const tests = condition.of.map(compileCondition);
      return (facts) => tests.some((test) => test(facts));
    }
    case 'not': {
      const test = compileCondition(condition.of);
      return (facts) => !test(facts);
    }
    case 'time_between': {
      const { start, end } = condition;
      const read = reader(condition.value);
      return (facts) => isTimeBetween(read(facts), start, end);
    }
    case 'date_between': {
      const { from, to } = condition;
      const read = reader(condition.value);
      return (facts) => isDateBetween(read(facts), from, to);
    }
    default: {
      const means = meanings[condition.op];
      const [left, right] = [reader(condition.left), reader(condition.right)];
      return (facts) => means(left(facts), right(facts));
    }
  }
}

/** The value of an operand; what is not there is null. */
export function valueOf(operand: Operand, facts: Facts): Json {
  return operand.kind === 'literal' ? operand.value : lookedUp(facts, operand.path);
}

function reader(operand: Operand): Read {
  if (operand.kind === 'literal') {
    const { value } = operand;
    return () => value;
  }
  const { path } = operand;
  return (facts) => lookedUp(facts, path);
}

function lookedUp(facts: Facts, path: readonly string[]): Json {
  let value: Json = facts;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return null;
    value = (value as JsonObject)[name] ?? null;
  }
  return value;
}
