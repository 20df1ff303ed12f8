import type { Schema } from './operations.js';

/** Values for fields that must name something real, or hold what the schema alone can not say. */
export type Known = (field: string) => unknown;

const INSTANT = '2030-01-02T03:04:05.678Z';

const typesOf = ({ type }: Schema): readonly string[] =>
  type === undefined ? [] : typeof type === 'string' ? [type] : type;

let samples = 0;

/** Different each time, and within the patterns of our ids. */
function freshText({ minLength = 1, maxLength = 64, pattern, example }: Schema): string {
  samples += 1;
  const text = `sample-${samples}`.padEnd(minLength, 'x').slice(0, maxLength);
  if (pattern === undefined || new RegExp(pattern, 'u').test(text)) return text;
  const forms = [
    ...(typeof example === 'string' ? [example] : []),
    `sample_${samples}`,
    `sample${samples}`,
    'a'.repeat(64),
    '2026-01',
    '2026-01-15',
    '0'.repeat(64),
    'https://127.0.0.1/x',
  ];
  const fitting = forms.find((form) => new RegExp(pattern, 'u').test(form));
  if (fitting === undefined) throw new Error(`no sample matches ${pattern}: give the field an example`);
  return fitting;
}

function stringOf(schema: Schema): unknown {
  if (schema.format === 'date-time') return INSTANT;
  if (schema.format === 'date') return INSTANT.slice(0, 10);
  if (schema.format === 'uuid') return '01900000-0000-7000-8000-000000000001';
  return schema.pattern === undefined ? (schema.example ?? freshText(schema)) : freshText(schema);
}

function numberOf({ minimum = 0, maximum = 1_000_000, example, default: usual }: Schema, whole: boolean): unknown {
  if (typeof example === 'number') return example;
  if (typeof usual === 'number') return usual;
  const middle = minimum + (Math.min(maximum, minimum + 1_000) - minimum) / 2;
  return whole ? Math.floor(middle) : middle;
}

/** The fields without which it is no value; of an object that requires none, the first that a value can be made for. */
export function fieldsAskedFor({ properties = {}, required = [] }: Schema): readonly string[] {
  return required.length > 0 ? required : Object.keys(properties).slice(0, 1);
}

function objectOf(schema: Schema, known: Known): unknown {
  const { properties = {}, example } = schema;
  if (Object.keys(properties).length === 0) return example ?? {};
  const fields = fieldsAskedFor(schema);
  return Object.fromEntries(fields.map((field) => [field, known(field) ?? sampleOf(properties[field] ?? {}, known)]));
}

/** A value that a schema allows: its example where it has one, else within its bounds. */
export function sampleOf(schema: Schema, known: Known = () => undefined): unknown {
  const [choice] = schema.oneOf ?? schema.anyOf ?? schema.allOf ?? [];
  if (choice !== undefined) return sampleOf(choice, known);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum.includes(schema.example) ? schema.example : schema.enum[0];
  const types = typesOf(schema);
  if (types.includes('object')) return objectOf(schema, known);
  if (types.includes('array'))
    return schema.example ?? Array.from({ length: schema.minItems ?? 1 }, () => sampleOf(schema.items ?? {}, known));
  if (types.includes('integer')) return numberOf(schema, true);
  if (types.includes('number')) return numberOf(schema, false);
  if (types.includes('boolean')) return schema.example ?? schema.default ?? true;
  return types.includes('string') ? stringOf(schema) : (schema.example ?? {});
}
