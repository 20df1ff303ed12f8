import type { Operation, Schema } from './operations.js';
import { form, FORM_HEADER, JSON_HEADER } from './request.js';

/** What stands in wrong inputs, and may be in no answer. */
export const CANARY = 'hunter2';

export interface WrongBody {
  readonly name: string;
  readonly bytes: Buffer | undefined;
  readonly type: readonly [string, string] | undefined;
  readonly statuses: readonly number[];
}

const UNPROCESSABLE = [400, 422] as const;

const typesOf = ({ type, oneOf, anyOf }: Schema): readonly string[] => [
  ...(typeof type === 'string' ? [type] : (type ?? [])),
  ...[...(oneOf ?? []), ...(anyOf ?? [])].flatMap(typesOf),
];

/** A value of a type that the schema does not take. */
export function ofWrongType(schema: Schema): unknown {
  const types = typesOf(schema);
  if ((types.includes('array') && !types.includes('string')) || schema.enum !== undefined) return CANARY;
  return types.includes('string') ? { [CANARY]: CANARY } : [CANARY];
}

function jsonOf(name: string, value: unknown): WrongBody {
  return { name, bytes: Buffer.from(JSON.stringify(value)), type: JSON_HEADER, statuses: UNPROCESSABLE };
}

function wrongFields(schema: Schema, valid: Readonly<Record<string, unknown>>): WrongBody[] {
  const { properties = {}, required = [] } = schema;
  const without = (field: string): object =>
    Object.fromEntries(Object.entries(valid).filter(([name]) => name !== field));
  return [
    ...required.map((field) => jsonOf(`without ${field}`, without(field))),
    ...Object.entries(properties).map(([field, inner]) =>
      jsonOf(`with ${field} of the wrong type`, { ...valid, [field]: ofWrongType(inner) }),
    ),
    jsonOf('with an unknown field', { ...valid, unheard_of: CANARY }),
  ];
}

function wrongForms(schema: Schema, valid: Readonly<Record<string, unknown>>): WrongBody[] {
  const { required = [] } = schema;
  const without = (field: string): Record<string, unknown> =>
    Object.fromEntries(Object.entries(valid).filter(([name]) => name !== field));
  const broken = Buffer.from(`--a-form\r\ncontent-disposition: form-data; name="x"\r\n\r\n${CANARY}`);
  return [
    ...required
      .filter((field) => Object.hasOwn(valid, field))
      .map((field) => ({
        name: `as a form without ${field}`,
        bytes: form(without(field)),
        type: FORM_HEADER,
        statuses: UNPROCESSABLE,
      })),
    { name: 'as a form that breaks off', bytes: broken, type: FORM_HEADER, statuses: UNPROCESSABLE },
  ];
}

/** Bodies that are refused whatever else is right. */
export function wrongBodies(operation: Operation, valid: unknown): readonly WrongBody[] {
  const schema = operation.body ?? operation.form;
  if (schema === undefined) return [];
  const fields = (valid ?? {}) as Readonly<Record<string, unknown>>;
  const broken = { type: JSON_HEADER, statuses: UNPROCESSABLE };
  const needed = (schema.required ?? []).length > 0;
  return [
    ...(needed ? [{ name: 'missing', bytes: undefined, type: undefined, statuses: UNPROCESSABLE }] : []),
    { name: 'that is broken JSON', bytes: Buffer.from(`{"a": ${CANARY}`), ...broken },
    { name: 'that holds NaN', bytes: Buffer.from(`{"${CANARY}": NaN}`), ...broken },
    jsonOf('that is a list', [CANARY]),
    jsonOf('that is null', null),
    jsonOf('that is a text', CANARY),
    ...['text/plain', 'application/x-www-form-urlencoded', 'application/xml'].map((type) => ({
      name: `of the type ${type}`,
      bytes: Buffer.from(`a=${CANARY}`),
      type: ['content-type', type] as const,
      statuses: [415],
    })),
    ...(operation.form === undefined ? wrongFields(schema, fields) : wrongForms(schema, fields)),
  ];
}

/** Queries that are refused whatever else is right, by the parameter that is wrong. */
export function wrongQueries(operation: Operation): readonly (readonly [name: string, query: string])[] {
  return operation.query.flatMap(({ name, schema, required }) => {
    const types = typesOf(schema);
    const free =
      types.includes('string') &&
      schema.enum === undefined &&
      schema.format === undefined &&
      schema.pattern === undefined;
    const many = types.includes('array');
    return [
      ...(free || many ? [] : [[`${name} of the wrong type`, `${name}=${CANARY}`] as const]),
      ...(many ? [] : [[`${name} twice`, `${name}=${CANARY}&${name}=${CANARY}`] as const]),
      [`${name} with U+0000`, `${name}=${CANARY}%00`] as const,
      ...(required ? [[`no ${name}`, ''] as const] : []),
    ];
  });
}
