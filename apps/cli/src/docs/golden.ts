import type { Json, JsonObject, JsonSchema } from '#domain/kernel/schema.js';

/** One stored event of the past, as `test/golden/<Type>.v<version>.json` keeps it. */
export interface GoldenEvent {
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: JsonObject;
}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

const byFormat: Readonly<Record<string, string>> = {
  uuid: '01900000-0000-7000-8000-000000000001',
  'date-time': '2026-01-02T03:04:05.678Z',
};

const byType: Readonly<Record<string, (schema: JsonSchema) => Json>> = {
  string: (schema) =>
    byFormat[textOf(schema['format'])] ?? (schema['pattern'] === undefined ? 'text' : 'a1'.repeat(32)),
  integer: () => 7,
  number: () => 0.5,
  boolean: () => true,
  array: (schema) => [sampleOf((schema['items'] ?? {}) as JsonSchema)],
  object: (schema) => {
    const fields = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>);
    return Object.fromEntries(fields.map(([name, field]) => [name, sampleOf(field)]));
  },
};

/** A value that a schema of `kernel/schema.ts` allows, the same every time; optional fields are filled in. */
export function sampleOf(schema: JsonSchema): Json {
  const choices = (schema['enum'] ?? []) as readonly Json[];
  if (choices[0] !== undefined) return choices[0];
  const [first] = (schema['anyOf'] ?? []) as readonly JsonSchema[];
  if (first !== undefined) return sampleOf(first);
  return byType[textOf(schema['type'])]?.(schema) ?? 'text';
}

export function goldenOf(type: string, version: number, schema: JsonSchema): GoldenEvent {
  return { type, schemaVersion: version, data: sampleOf(schema) as JsonObject };
}
