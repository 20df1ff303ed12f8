import fc from 'fast-check';
import type { DomainEvent, EventTable, Recorded } from '#domain/kernel/events.js';
import { schemaOf, type Json, type JsonObject, type JsonSchema } from '#domain/kernel/schema.js';
import { recorded } from '#domain/kernel/testing/given.js';

const instant = fc
  .date({ min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Few ids, so that events meet on the same thing. */
const uuid = fc.integer({ min: 1, max: 4 }).map((n) => `01900000-0000-7000-8000-00000000000${n}`);
const name = fc.constantFrom('a', 'b', 'c', 'ü', '');

function stringOf(schema: JsonSchema): fc.Arbitrary<Json> {
  if (schema['format'] === 'uuid') return uuid;
  if (schema['format'] === 'date-time') return instant;
  if (typeof schema['pattern'] === 'string') return fc.constantFrom('a'.repeat(64), 'b'.repeat(64));
  return name;
}

/** Values of a payload's JSON schema, as `t` of the kernel writes it. */
export function valuesOf(schema: JsonSchema): fc.Arbitrary<Json> {
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as Json[]));
  if (Array.isArray(schema['anyOf'])) return fc.oneof(...(schema['anyOf'] as JsonSchema[]).map(valuesOf));
  switch (schema['type']) {
    case 'string':
      return stringOf(schema);
    case 'integer':
      return fc.integer({ min: 0, max: 1_000 });
    case 'number':
      return fc.double({ min: 0, max: 1, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(valuesOf(schema['items'] as JsonSchema), { maxLength: 3 });
    case 'object':
      return objectOf(schema);
    default:
      return fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;
  }
}

function objectOf(schema: JsonSchema): fc.Arbitrary<Json> {
  const properties = schema['properties'] as Readonly<Record<string, JsonSchema>> | undefined;
  if (properties === undefined) return fc.dictionary(fc.constantFrom('x', 'y'), fc.string({ maxLength: 3 }));
  const fields = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, valuesOf(value)]));
  return fc.record(fields, { requiredKeys: schema['required'] as string[] });
}

/** Events of a capability, each with any payload that its declaration allows. */
export function eventsOf(table: EventTable): fc.Arbitrary<DomainEvent> {
  const kinds = Object.entries(table).map(([type, definition]) =>
    valuesOf(schemaOf(definition.data)).map((data) => ({ type, data: data as JsonObject })),
  );
  return fc.oneof(...kinds);
}

/** A stored history: positions and revisions grow, the stream is one of a few. */
export function historyOf(table: EventTable, category: string): fc.Arbitrary<readonly Recorded[]> {
  const stored = fc.tuple(eventsOf(table), fc.integer({ min: 1, max: 3 }), instant);
  return fc.array(stored, { maxLength: 30 }).map((events) =>
    events.map(([event, stream, occurredAt], at) =>
      recorded(event, {
        id: `01900000-0000-7000-8000-${String(at).padStart(12, '0')}`,
        stream: `${category}-t1.${stream}`,
        position: String(at + 1).padStart(20, '0'),
        revision: at,
        occurredAt,
      }),
    ),
  );
}
