import fc from 'fast-check';
import type { Json } from '#domain/kernel/schema.js';
import type { FilteredDocument } from './filter-evaluator.js';

const names = fc.constantFrom('a', 'b', 'c', 'x"y', "o'", '\\', 'é', '$', 'last');
const texts = fc.constantFrom('', 'a', 'A', 'b', 'ab', 'é', '😀', '\uffee', "'; drop table x; --", '$v', '%', 'null');
const numbers = fc.constantFrom(0, -0, 1, -1, 1.5, 0.1, 1e21, 2 ** 53, 5e-324);
const days = fc.constantFrom('2026-01-01T00:00:00.000Z', '2026-01-31T12:00:00.500Z', '2027-12-31T23:59:59.999Z');
/** The first and the last that a filter may name, in other zones too, and a day. */
const instants = fc.oneof(
  days,
  fc.constantFrom('2026-01-31', '1000-01-01T00:00:00+14:00', '9999-12-31T23:59:59.999Z', '9999-12-31T09:59:59-14:00'),
);
const scalars = fc.oneof(texts, numbers, fc.boolean());

const { value: values } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalars,
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3 }),
  ),
}));

/** Documents whose metadata has every shape. */
export const filteredDocuments: fc.Arbitrary<FilteredDocument> = fc.record({
  document_id: texts,
  filename: texts,
  content_type: fc.constantFrom('text/plain', 'text/markdown'),
  created_at: days,
  updated_at: days,
  labels: fc.dictionary(fc.oneof(names, fc.constant('a.b')), texts, { maxKeys: 3 }),
  metadata: fc.dictionary(names, values, { maxKeys: 4 }),
});

const metadataFields = fc.array(names, { minLength: 1, maxLength: 3 }).map((path) => `metadata.${path.join('.')}`);
const textFields = fc.oneof(
  names.map((name) => `labels.${name}`),
  fc.constantFrom('labels.a.b', 'document_id', 'filename', 'content_type'),
);
const timeFields = fc.constantFrom('created_at', 'updated_at');
const ordered = fc.constantFrom('gt', 'gte', 'lt', 'lte');
const equal = fc.constantFrom('eq', 'ne');
const listed = fc.constantFrom('in', 'nin');
const leaf = (op: fc.Arbitrary<string>, field: fc.Arbitrary<string>, value: fc.Arbitrary<Json>): fc.Arbitrary<Json> =>
  fc.tuple(op, field, value).map(([name, at, what]) => ({ [name]: [at, what] }));
const several = (value: fc.Arbitrary<Json>): fc.Arbitrary<Json> => fc.array(value, { minLength: 1, maxLength: 3 });

const leaves = fc.oneof(
  { weight: 4, arbitrary: leaf(equal, metadataFields, scalars) },
  { weight: 3, arbitrary: leaf(ordered, metadataFields, fc.oneof(texts, numbers)) },
  { weight: 2, arbitrary: leaf(listed, metadataFields, several(scalars)) },
  { weight: 2, arbitrary: leaf(fc.oneof(equal, ordered), textFields, texts) },
  leaf(listed, textFields, several(texts)),
  leaf(fc.oneof(equal, ordered), timeFields, instants),
  leaf(listed, timeFields, several(instants)),
  fc.oneof(metadataFields, textFields, timeFields).map((field): Json => ({ exists: field })),
);

/** Filters as a caller writes them, all of them valid. */
export const filters: fc.Arbitrary<Json> = fc.letrec<{ filter: Json }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaves,
    fc
      .tuple(fc.constantFrom('and', 'or'), fc.array(tie('filter'), { minLength: 1, maxLength: 3 }))
      .map(([op, of]): Json => ({ [op]: of })),
    tie('filter').map((of): Json => ({ not: of })),
  ),
})).filter;
