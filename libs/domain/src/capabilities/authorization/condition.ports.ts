import type { Json, JsonObject } from '../../kernel/schema.js';
import { clockBound, instantOf, lastInstantOf } from './condition-values.ports.js';
import { literalProblem, variableProblem } from './condition-operands.ports.js';

export const comparisons = ['eq', 'ne', 'in', 'not_in', 'gt', 'gte', 'lt', 'lte', 'contains', 'starts_with'] as const;
export type Comparison = (typeof comparisons)[number];

export type Operand =
  { readonly kind: 'variable'; readonly path: readonly string[] } | { readonly kind: 'literal'; readonly value: Json };

/** A condition that was understood: nothing in it can fail any more. */
export type Condition =
  | { readonly op: 'constant'; readonly value: boolean }
  | { readonly op: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly op: 'not'; readonly of: Condition }
  | { readonly op: Comparison; readonly left: Operand; readonly right: Operand }
  | { readonly op: 'time_between'; readonly value: Operand; readonly start: string; readonly end: string }
  /** In ms since 1970, both included. */
  | { readonly op: 'date_between'; readonly value: Operand; readonly from: number; readonly to: number };

export interface ConditionLimits {
  /** Of the condition as JSON, in UTF-8. */
  readonly maxBytes: number;
  /** The root counts 1, what is inside of `all`, `any` and `not` one more, and a comparison one more. */
  readonly maxDepth: number;
}

/** Why a condition is not understood. */
export class ConditionProblem {
  constructor(
    readonly kind: 'invalid' | 'too_complex',
    readonly reason: string,
  ) {}
}

type Parsed<T> = T | ConditionProblem;

const invalid = (reason: string): ConditionProblem => new ConditionProblem('invalid', reason);

/** Understands a condition, or says why not. `null` and `{}` always hold. */
export function parseCondition(json: Json, limits: ConditionLimits): Parsed<Condition> {
  const bytes = utf8Length(JSON.stringify(json));
  if (bytes > limits.maxBytes)
    return new ConditionProblem('too_complex', `the condition has more than ${limits.maxBytes} bytes`);
  return parse(json, 1, limits.maxDepth);
}

/** Whether any variable under these names is in the condition. */
export function looksAt(condition: Condition, ...names: readonly string[]): boolean {
  return variablesIn(condition).some((path) => names.every((name, at) => path[at] === name));
}

/** The names of the variables in the condition, by their parts. */
export function variablesIn(condition: Condition): readonly (readonly string[])[] {
  const named = (operand: Operand) => (operand.kind === 'variable' ? [operand.path] : []);
  switch (condition.op) {
    case 'constant':
      return [];
    case 'all':
    case 'any':
      return condition.of.flatMap(variablesIn);
    case 'not':
      return variablesIn(condition.of);
    case 'time_between':
    case 'date_between':
      return named(condition.value);
    default:
      return [...named(condition.left), ...named(condition.right)];
  }
}

function parse(json: Json, depth: number, maxDepth: number): Parsed<Condition> {
  if (depth > maxDepth) return tooDeep(maxDepth);
  if (json === null || typeof json === 'boolean') return { op: 'constant', value: json ?? true };
  if (!isObject(json)) return invalid('a condition is an object, true or false');
  const [entry, ...more] = Object.entries(json);
  if (entry === undefined) return { op: 'constant', value: true };
  if (more.length > 0) return invalid('a condition has one operator');
  const [op, payload] = entry;
  return parseOperator(op, payload, depth, maxDepth);
}

function parseOperator(op: string, payload: Json, depth: number, maxDepth: number): Parsed<Condition> {
  if (op === 'all' || op === 'any') return parseList(op, payload, depth, maxDepth);
  if (op === 'not') {
    const of = parse(payload, depth + 1, maxDepth);
    return of instanceof ConditionProblem ? of : { op, of };
  }
  if (depth + 1 > maxDepth) return tooDeep(maxDepth);
  if (op === 'time_between' || op === 'date_between') return parseBetween(op, payload);
  return isComparison(op) ? parseComparison(op, payload) : invalid(`there is no operator ${op.slice(0, 64)}`);
}

const tooDeep = (maxDepth: number): ConditionProblem =>
  new ConditionProblem('too_complex', `the condition is deeper than ${maxDepth}`);

function parseList(op: 'all' | 'any', payload: Json, depth: number, maxDepth: number): Parsed<Condition> {
  if (!isList(payload)) return invalid(`${op} takes a list`);
  const of: Condition[] = [];
  for (const item of payload) {
    const parsed = parse(item, depth + 1, maxDepth);
    if (parsed instanceof ConditionProblem) return parsed;
    of.push(parsed);
  }
  return { op, of };
}

const isComparison = (op: string): op is Comparison => (comparisons as readonly string[]).includes(op);

function parseComparison(op: Comparison, payload: Json): Parsed<Condition> {
  const pair = pairOf(op, payload);
  if (pair instanceof ConditionProblem) return pair;
  const left = operandOf(op, pair.left);
  if (left instanceof ConditionProblem) return left;
  const right = operandOf(op, pair.right);
  if (right instanceof ConditionProblem) return right;
  const problem = operandsProblem(op, left, right);
  return problem === undefined ? { op, left, right } : invalid(problem);
}

/** What could never be true is a mistake of who wrote it. */
function operandsProblem(op: Comparison, left: Operand, right: Operand): string | undefined {
  const literals = [left, right].flatMap((operand) => (operand.kind === 'literal' ? [operand.value] : []));
  if (['gt', 'gte', 'lt', 'lte'].includes(op) && literals.some((value) => !['number', 'string'].includes(typeof value)))
    return `${op} compares numbers or texts`;
  if (op === 'starts_with' && literals.some((value) => typeof value !== 'string')) return 'starts_with takes texts';
  return undefined;
}

function parseBetween(op: 'time_between' | 'date_between', payload: Json): Parsed<Condition> {
  const pair = pairOf(op, payload);
  if (pair instanceof ConditionProblem) return pair;
  const value = operandOf(op, pair.left);
  if (value instanceof ConditionProblem) return value;
  const bounds = pair.right;
  if (!isObject(bounds) || Object.keys(bounds).sort().join() !== 'end,start')
    return invalid(`${op} takes a value and {start, end}`);
  const { start, end } = bounds;
  return op === 'time_between' ? timeBetween(value, start, end) : dateBetween(value, start, end);
}

function timeBetween(value: Operand, start: Json | undefined, end: Json | undefined): Parsed<Condition> {
  const bounds = { start: clockBound(start), end: clockBound(end) };
  if (bounds.start === undefined || bounds.end === undefined)
    return invalid('time_between takes start and end as HH:MM or HH:MM:SS');
  return { op: 'time_between', value, start: bounds.start, end: bounds.end };
}

function dateBetween(value: Operand, start: Json | undefined, end: Json | undefined): Parsed<Condition> {
  const [from, to] = [instantOf(start), lastInstantOf(end)];
  if (from === undefined || to === undefined)
    return invalid('date_between takes start and end as ISO dates or instants');
  return { op: 'date_between', value, from, to };
}

/** `[left, right]`, `{left, right}` or `{field: path, value}`. */
function pairOf(op: string, payload: Json): Parsed<{ readonly left: Json; readonly right: Json }> {
  const [left, right, ...more] = sidesOf(payload);
  return left === undefined || right === undefined || more.length > 0 ? noPair(op) : { left, right };
}

function sidesOf(payload: Json): readonly (Json | undefined)[] {
  if (isList(payload)) return payload;
  if (!isObject(payload)) return [];
  const { left, right, field, value } = payload;
  switch (Object.keys(payload).sort().join()) {
    case 'left,right':
      return [left, right];
    case 'field,value':
      return typeof field === 'string' ? [{ var: field }, value] : [];
    default:
      return [];
  }
}

const noPair = (op: string): ConditionProblem => invalid(`${op} takes [left, right], {left, right} or {field, value}`);

function operandOf(op: string, json: Json): Parsed<Operand> {
  if (isObject(json) && Object.keys(json).join() === 'var') {
    const name = json['var'];
    if (typeof name !== 'string') return invalid('a variable has a name');
    const problem = variableProblem(name);
    return problem === undefined ? { kind: 'variable', path: name.split('.') } : invalid(problem);
  }
  const problem = literalProblem(json);
  return problem === undefined ? { kind: 'literal', value: json } : invalid(`${op}: ${problem}`);
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}

function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return length;
}
