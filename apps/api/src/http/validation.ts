import type { Type } from '@nestjs/common';
import { getMetadataStorage, validateSync } from 'class-validator';
import type { ValidationError } from 'class-validator';

import type { FieldProblem } from './errors.js';
import { invalid } from './errors.js';
import { fieldsOf } from './fields.js';
import type { FieldSpec } from './fields.js';
import { hasNul, NUL, parseJson } from './json.js';

/** class-validator looks through the rules of every class at each call; no rule is added to a class once it is in use. */
function rememberRules(): void {
  const storage = getMetadataStorage();
  const rulesOf = storage.getTargetValidationMetadatas.bind(storage);
  const known = new Map<unknown, ReturnType<typeof rulesOf>>();
  storage.getTargetValidationMetadatas = (dto, ...how) => {
    const rules = known.get(dto) ?? rulesOf(dto, ...how);
    known.set(dto, rules);
    return rules;
  };
}
rememberRules();

type Location = readonly (string | number)[];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const TRUE = new Set(['true', '1']);
const FALSE = new Set(['false', '0']);

/** An object that a form holds as JSON. */
function objectIn(text: string): unknown {
  if (!text.startsWith('{')) return text;
  try {
    return parseJson(text, malformed);
  } catch {
    return text;
  }
}

/** A query or form value as its field's kind; what does not fit is left for the rule to refuse. */
function fromText(spec: FieldSpec, value: unknown): unknown {
  if (spec.kind === 'list') return Array.isArray(value) ? value : [value];
  if (typeof value !== 'string') return value;
  switch (spec.kind) {
    case 'boolean':
      return TRUE.has(value) || (FALSE.has(value) ? false : value);
    case 'json':
      return objectIn(value);
    case 'integer':
    case 'number':
      return /^-?\d{1,17}(?:\.\d{1,17})?$/.test(value) ? Number(value) : value;
    default:
      return value;
  }
}

/** Builds instances of DTO classes, so that nested rules run, and finds the fields that no class names. */
class Builder {
  readonly problems: FieldProblem[] = [];
  readonly #text: boolean;

  constructor(text: boolean) {
    this.#text = text;
  }

  build(dto: Type<object>, input: Readonly<Record<string, unknown>>, at: Location): object {
    const specs = fieldsOf(dto);
    const made: Record<string, unknown> = Object.create(dto.prototype as object) as Record<string, unknown>;
    for (const key of Object.keys(input))
      if (!this.#text && !specs.has(key))
        this.problems.push({ type: 'extra_forbidden', loc: [...at, key], msg: 'is not a known field' });
    for (const [key, spec] of specs) {
      const given = Object.hasOwn(input, key) ? input[key] : undefined;
      const value = given === undefined ? spec.defaultValue : this.#value(spec, given, [...at, key]);
      if (value !== undefined) made[key] = value;
    }
    return made;
  }

  #value(spec: FieldSpec, given: unknown, at: Location): unknown {
    const value = this.#text ? fromText(spec, given) : given;
    const { of } = spec;
    if (of === undefined) return value;
    if (spec.kind === 'object') return isRecord(value) ? this.build(of(), value, at) : value;
    if (!Array.isArray(value)) return value;
    return value.map((item: unknown, index) => (isRecord(item) ? this.build(of(), item, [...at, index]) : item));
  }
}

function typeOf(contexts: ValidationError['contexts'], rule: string): string {
  const context = contexts?.[rule] as { type?: string } | undefined;
  return context?.type ?? 'value_error';
}

function problemsOf(errors: readonly ValidationError[], at: Location): FieldProblem[] {
  return errors.flatMap((error) => {
    const key = /^\d+$/.test(error.property) ? Number(error.property) : error.property;
    const loc = [...at, key];
    if (error.value === undefined && error.constraints !== undefined)
      return [{ type: 'missing', loc, msg: 'is required' }];
    const broken = Object.entries(error.constraints ?? {}).map(([rule, msg]) => ({
      type: typeOf(error.contexts, rule),
      loc,
      msg,
    }));
    return [...broken.slice(0, 1), ...problemsOf(error.children ?? [], loc)];
  });
}

/**
 * Checks an input against a DTO class and returns its instance; absent fields stay absent, unknown ones are refused in a body and ignored in a query or form.
 * Throws REQUEST_VALIDATION_ERROR with every problem. `body` is strict about types, `query` and `form` read them from text.
 */
export function validated(dto: Type<object>, input: unknown, where: 'body' | 'query' | 'form'): object {
  const at = where === 'query' ? 'query' : 'body';
  if (!isRecord(input)) throw invalid([{ type: 'dict_type', loc: [at], msg: 'must be an object' }]);
  const builder = new Builder(where !== 'body');
  const made = builder.build(dto, input, [at]);
  const errors = validateSync(made, {
    forbidUnknownValues: false,
    stopAtFirstError: true,
    validationError: { target: false },
  });
  const problems = [...builder.problems, ...problemsOf(errors, [at])];
  if (problems.length > 0) throw invalid(problems);
  return made;
}

const malformed = (msg: string): Error => invalid([{ type: 'json_invalid', loc: ['body'], msg }]);

/** Parses a JSON body; what cannot be taken is a validation error. */
export function parseBody(bytes: Buffer): unknown {
  return parseJson(bytes.toString('utf8'), malformed);
}

/** Refuses U+0000 in the texts of a query, path or form. */
export function refuseNul(values: object, where: 'query' | 'path' | 'body'): void {
  for (const [key, value] of Object.entries(values))
    if (hasNul(value)) throw invalid([{ type: 'string_type', loc: [where, key], msg: NUL }]);
}
