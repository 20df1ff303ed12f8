import type { EventDefinition } from '#domain/kernel/events.js';
import { schemaOf, type Json, type JsonObject, type JsonSchema } from '#domain/kernel/schema.js';
import type { Sealer, Subject } from '#infra/content/content-store.js';

/** Where an event stands. Its id is no part of the context: a read-model row knows its stream but not the event it came from. */
export interface PersonalContext {
  readonly tenantId: string;
  readonly stream: string;
  readonly eventId?: string;
}

/** The kind of the subjects that own personal fields. */
export const personKind = 'person';

/** What a personal text of an event is bound to: the stream and the field's name (dotted when nested, without array indexes). */
export function personalAad(stream: string, field: string): string {
  return JSON.stringify([stream, field]);
}

/** The subject whose key seals a person's fields. */
export function personSubject(tenantId: string, personId: string): Subject {
  return { tenantId, kind: personKind, id: personId };
}

interface Found {
  readonly text: string;
  readonly field: string;
  /** Undefined when the sibling that names the subject holds no id. */
  readonly personId: string | undefined;
}

/** The payload with every personal field sealed under its person's key. Throws when a field has text but its person no id. */
export async function sealPersonal(
  definition: EventDefinition,
  data: JsonObject,
  context: PersonalContext,
  sealer: Sealer,
): Promise<JsonObject> {
  const { tenantId, stream } = context;
  return replaceTexts(definition, data, (texts) =>
    sealer.sealMany(
      texts.map(({ text, field, personId }) => {
        if (personId === undefined) throw new Error(`personal field ${field} names no person to seal it for`);
        return { subject: personSubject(tenantId, personId), text, aad: personalAad(stream, field) };
      }),
    ),
  );
}

/** The payload with its personal fields in clear; null stands for those whose key was destroyed. */
export async function openPersonal(
  definition: EventDefinition,
  data: JsonObject,
  context: PersonalContext,
  sealer: Sealer,
): Promise<JsonObject> {
  const { tenantId, stream } = context;
  return replaceTexts(definition, data, async (texts) => {
    const sealed = texts.map(({ text, field }) => ({ sealed: text, aad: personalAad(stream, field) }));
    return (await sealer.openMany(tenantId, sealed)).map((text) => text ?? null);
  });
}

const schemas = new WeakMap<EventDefinition, JsonSchema | null>();

// Null for a definition without personal fields, whose payloads need no walk.
function schemaFor(definition: EventDefinition): JsonSchema | null {
  const known = schemas.get(definition);
  if (known !== undefined) return known;
  const schema = schemaOf(definition.data);
  const marked = JSON.stringify(schema).includes('"x-personal-of"') ? schema : null;
  schemas.set(definition, marked);
  return marked;
}

async function replaceTexts(
  definition: EventDefinition,
  data: JsonObject,
  replace: (texts: readonly Found[]) => Promise<readonly (string | null)[]>,
): Promise<JsonObject> {
  const schema = schemaFor(definition);
  if (schema === null) return data;
  const found: Found[] = [];
  walk(schema, data, { field: '', personId: undefined, personal: false }, (text) => {
    found.push(text);
    return text.text;
  });
  if (found.length === 0) return data;
  const replaced = await replace(found);
  let at = 0;
  const next = (): Json => replaced[at++] ?? null;
  return walk(schema, data, { field: '', personId: undefined, personal: false }, next) as JsonObject;
}

interface Place {
  readonly field: string;
  readonly personId: string | undefined;
  readonly personal: boolean;
}

type Visit = (found: Found) => Json;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function walk(schema: Json | undefined, value: Json, place: Place, visit: Visit): Json {
  if (typeof value === 'string') {
    return place.personal ? visit({ text: value, field: place.field, personId: place.personId }) : value;
  }
  if (!isObject(schema)) return value;
  const { anyOf, items } = schema;
  if (Array.isArray(anyOf)) return walk((anyOf as readonly Json[])[0], value, place, visit);
  if (Array.isArray(value)) return (value as readonly Json[]).map((entry) => walk(items, entry, place, visit));
  return isObject(value) ? walkObject(schema, value, place, visit) : value;
}

function walkObject(schema: JsonSchema, value: JsonObject, place: Place, visit: Visit): JsonObject {
  const { properties } = schema;
  if (!isObject(properties)) return value;
  const entries = Object.entries(value).map(([key, entry]): [string, Json] => {
    const property = properties[key];
    const owner = isObject(property) ? property['x-personal-of'] : undefined;
    const person = typeof owner === 'string' ? value[owner] : undefined;
    const inner: Place = {
      field: place.field === '' ? key : `${place.field}.${key}`,
      personal: typeof owner === 'string',
      personId: typeof person === 'string' ? person : undefined,
    };
    return [key, walk(property, entry, inner, visit)];
  });
  return Object.fromEntries(entries);
}
