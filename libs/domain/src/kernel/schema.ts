/** Field schemas of event payloads: one declaration gives the TypeScript type, the JSON schema and the checks. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };
export type JsonSchema = { readonly [key: string]: Json };

declare const phantom: unique symbol;

/** A field of type `T`. `personal` names the sibling field that holds the data subject whose key seals this one. */
export interface Field<T, O extends boolean = false> {
  readonly schema: JsonSchema;
  readonly optional: O;
  readonly personal?: string;
  /** Returns the path and reason of the first problem, or undefined. */
  readonly check: (value: unknown, path: string) => string | undefined;
  readonly [phantom]?: T;
}

export type Shape = Readonly<Record<string, Field<unknown, boolean>>>;
type OptionalKeys<S extends Shape> = { [K in keyof S]: S[K]['optional'] extends true ? K : never }[keyof S];
type ValueOf<F> = F extends Field<infer T, boolean> ? T : never;
type Flatten<T> = { readonly [K in keyof T]: T[K] };

/** The TypeScript type of a shape. */
export type Infer<S extends Shape> = Flatten<
  { [K in Exclude<keyof S, OptionalKeys<S>>]: ValueOf<S[K]> } & { [K in OptionalKeys<S>]?: ValueOf<S[K]> }
>;

/**
 * Text about a person. A decision writes it in clear; the command path stores it sealed under the subject's key, so a
 * fold sees an opaque string that never changes, also after the key was destroyed.
 */
export type PersonalText = string;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const instantPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const sha256Pattern = /^[0-9a-f]{64}$/;

function field<T>(schema: JsonSchema, ok: (value: unknown) => boolean, says: string): Field<T> {
  return { schema, optional: false, check: (value, path) => (ok(value) ? undefined : `${path} must be ${says}`) };
}

const isString = (value: unknown): value is string => typeof value === 'string';
/** What jsonb and text of a database hold: no U+0000, and no half of a surrogate pair. */
const isText = (value: unknown): value is string => isString(value) && value.isWellFormed() && !value.includes('\0');
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isJson(value: unknown): boolean {
  if (value === null || typeof value === 'boolean' || isText(value)) return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  return isRecord(value) && Object.entries(value).every(([key, inner]) => isText(key) && isJson(inner));
}

/** Whether a value holds a text that no database takes. */
export function holdsOddText(value: unknown): boolean {
  if (isString(value)) return !isText(value);
  if (Array.isArray(value)) return value.some(holdsOddText);
  return isRecord(value) && Object.entries(value).some((entry) => entry.some(holdsOddText));
}

function firstProblem(problems: Iterable<string | undefined>): string | undefined {
  for (const problem of problems) if (problem !== undefined) return problem;
  return undefined;
}

/** The problem of `value` against `shape`, or undefined. Unknown fields are a problem. */
export function checkShape(shape: Shape, value: unknown, path = 'data'): string | undefined {
  if (!isRecord(value)) return `${path} must be an object`;
  const unknownKey = Object.keys(value).find((key) => !Object.hasOwn(shape, key));
  if (unknownKey !== undefined) return `${path}.${unknownKey} is not a field of this event`;
  return firstProblem(
    Object.entries(shape).map(([key, f]) => {
      const entry = value[key];
      if (entry === undefined) return f.optional ? undefined : `${path}.${key} is missing`;
      return f.check(entry, `${path}.${key}`);
    }),
  );
}

/** The JSON schema (2020-12) of a shape. */
export function schemaOf(shape: Shape): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(shape).filter((key) => shape[key]?.optional !== true),
    properties: Object.fromEntries(
      Object.entries(shape).map(([key, f]) => [
        key,
        f.personal === undefined ? f.schema : { ...f.schema, 'x-personal-of': f.personal },
      ]),
    ),
  };
}

/** The field types of event payloads. */
export const t = {
  string: field<string>({ type: 'string' }, isText, 'a string that can be stored'),
  uuid: field<string>(
    { type: 'string', format: 'uuid' },
    (v) => isString(v) && uuidPattern.test(v),
    'a lowercase uuid',
  ),
  sha256: field<string>(
    { type: 'string', pattern: sha256Pattern.source },
    (v) => isString(v) && sha256Pattern.test(v),
    'a SHA-256 in lowercase hex',
  ),
  /** ISO 8601, UTC, milliseconds, `Z`. */
  instant: field<string>(
    { type: 'string', format: 'date-time' },
    (v) => isString(v) && instantPattern.test(v),
    'a UTC instant with milliseconds',
  ),
  boolean: field<boolean>({ type: 'boolean' }, (v) => typeof v === 'boolean', 'true or false'),
  integer: field<number>({ type: 'integer' }, (v) => Number.isSafeInteger(v), 'a safe integer'),
  number: field<number>({ type: 'number' }, (v) => typeof v === 'number' && Number.isFinite(v), 'a finite number'),
  json: field<Json>({}, isJson, 'a JSON value'),
  jsonObject: field<JsonObject>({ type: 'object' }, (v) => isRecord(v) && isJson(v), 'a JSON object'),
  oneOf: <const V extends string>(...values: readonly V[]): Field<V> =>
    field<V>(
      { enum: values },
      (v) => isString(v) && (values as readonly string[]).includes(v),
      `one of ${values.join(', ')}`,
    ),
  array: <T>(item: Field<T>): Field<readonly T[]> => ({
    schema: { type: 'array', items: item.schema },
    optional: false,
    ...(item.personal === undefined ? {} : { personal: item.personal }),
    check: (value, path) =>
      Array.isArray(value)
        ? firstProblem(value.map((entry, index) => item.check(entry, `${path}[${index}]`)))
        : `${path} must be an array`,
  }),
  object: <S extends Shape>(shape: S): Field<Infer<S>> => ({
    schema: schemaOf(shape),
    optional: false,
    check: (value, path) => checkShape(shape, value, path),
  }),
  nullable: <T>(inner: Field<T>): Field<T | null> => ({
    ...inner,
    schema: { anyOf: [inner.schema, { type: 'null' }] },
    check: (value, path) => (value === null ? undefined : inner.check(value, path)),
  }),
  optional: <T>(inner: Field<T>): Field<T, true> => ({ ...inner, optional: true }),
  /** Text about the person whose id stands in the sibling field `subject`; stored sealed under that person's key. */
  personal: (subject: string): Field<PersonalText> => ({
    schema: { type: 'string' },
    optional: false,
    personal: subject,
    check: (value, path) => (isText(value) ? undefined : `${path} must be a string that can be stored`),
  }),
} as const;
