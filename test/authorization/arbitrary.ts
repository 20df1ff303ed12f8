import fc from 'fast-check';
import { comparisons } from '#domain/capabilities/authorization/condition.ports.js';
import type { Json, JsonObject } from '#domain/kernel/schema.js';

/** Texts that comparisons may take apart: beyond UTF-16's first plane, dates that are none, patterns, nothing. */
const texts = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'A',
    'ab',
    'b',
    '%',
    '_',
    '\\',
    "'",
    '10',
    '9',
    'true',
    'null',
    'é',
    'e\u0301',
    '😀',
    '\uffee',
    'ß',
  ),
  fc.constantFrom('2026-01-31', '2026-02-30', '2024-02-29', '2026-01-31T23:59:59.999Z', '2026-01-31T10:00+02:00'),
  fc.constantFrom(
    '0000-01-01',
    '9999-12-31',
    '2026-01-31 08:15:30.5',
    '2026-01-31T10:00-0930',
    '26-01-31',
    '2026-1-31',
  ),
  fc.constantFrom('00:00', '12:30', '23:59:59', '24:00', '12:30:60', '9:00', '22:15Z', '12:30:00.123456789'),
  fc.string({ maxLength: 3, unit: 'binary' }).filter((text) => text.isWellFormed() && !text.includes('\0')),
);
const numbers = fc.oneof(
  fc.constantFrom(0, 1, -1, 10, 1.5, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 9007199254740992, 0.1 + 0.2),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
  fc.integer({ min: -3, max: 3 }),
);
const scalars: fc.Arbitrary<Json> = fc.oneof(texts, numbers, fc.boolean(), fc.constant(null));

/** Any JSON value that a document may have been given. */
export const values: fc.Arbitrary<Json> = fc.oneof(
  { weight: 6, arbitrary: scalars },
  { weight: 2, arbitrary: fc.array(scalars, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.constantFrom('a', 'b', '0'), scalars, { maxKeys: 3 }) },
);
export const objects: fc.Arbitrary<JsonObject> = fc.dictionary(fc.constantFrom('a', 'b', '0', 'team'), values, {
  maxKeys: 4,
});

const variables = fc.constantFrom(
  ...['id', 'tenant_id', 'corpus_id', 'status', 'content_type', 'labels', 'metadata'].map((name) => `resource.${name}`),
  ...['labels.a', 'labels.team', 'labels.a.b', 'labels.0', 'metadata.a', 'metadata.b.a', 'metadata.b.0'].map(
    (name) => `resource.${name}`,
  ),
  ...['principal.role', 'principal.groups', 'request.time', 'context.none'],
);
const operands: fc.Arbitrary<Json> = fc.oneof(
  { weight: 3, arbitrary: variables.map((name) => ({ var: name })) },
  { weight: 2, arbitrary: values },
);
const pairs: fc.Arbitrary<Json> = fc.oneof(
  fc.tuple(operands, operands),
  fc.record({ left: operands, right: operands }),
  fc.record({ field: variables, value: operands }),
);
const between = fc.oneof(
  fc.record({
    time_between: fc.tuple(
      operands,
      fc.record({ start: fc.constantFrom('08:00', '22:00'), end: fc.constant('12:30') }),
    ),
  }),
  fc.record({
    date_between: fc.tuple(
      operands,
      fc.record({ start: fc.constantFrom('2024-02-29', '2026-01-31T10:00:00Z'), end: fc.constantFrom('2026-01-31') }),
    ),
  }),
);
const leaves: fc.Arbitrary<Json> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...comparisons).chain((op) => pairs.map((pair): Json => ({ [op]: pair }))) },
  { weight: 2, arbitrary: between },
  { weight: 1, arbitrary: fc.constantFrom<Json[]>(true, false, {}, null) },
);

/** Conditions of every operator and form; some are such that they would not be saved. */
export const conditions: fc.Arbitrary<Json> = fc.letrec<{ any: Json }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: leaves },
    { weight: 1, arbitrary: fc.record({ all: fc.array(tie('any'), { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ any: fc.array(tie('any'), { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ not: tie('any') }) },
  ),
})).any;
