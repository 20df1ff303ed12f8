import type { Capability } from '#domain/kernel/capability.js';
import type { EventDefinition } from '#domain/kernel/events.js';
import { schemaOf, type JsonSchema } from '#domain/kernel/schema.js';

/** One event type of `docs/generated/events.json`: the JSON schema of every version that was ever stored. */
export interface CataloguedEvent {
  readonly capability: string;
  readonly newest: number;
  readonly audit: string;
  readonly versions: Readonly<Record<string, JsonSchema>>;
}

/** Event types by name, in alphabetical order. */
export type EventCatalogue = Readonly<Record<string, CataloguedEvent>>;

interface Owned {
  readonly capability: string;
  readonly definition: EventDefinition;
}

function ownedEvents(capabilities: readonly Capability[]): ReadonlyMap<string, Owned> {
  return new Map(
    capabilities.flatMap(({ name, events }) =>
      Object.entries(events).map(([type, definition]) => [type, { capability: name, definition }] as const),
    ),
  );
}

/** The catalogue of this build, with the older versions that `previous` remembers. */
export function catalogueOf(capabilities: readonly Capability[], previous: EventCatalogue): EventCatalogue {
  const entries = [...ownedEvents(capabilities)].map(([type, { capability, definition }]) => {
    const { version, data, audit } = definition;
    const versions = { ...previous[type]?.versions, [version]: schemaOf(data) };
    return [type, { capability, newest: version, audit: audit.type, versions }] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What in this build could not read, or would read otherwise, what `previous` says is stored; one sentence each. */
export function brokenPromises(capabilities: readonly Capability[], previous: EventCatalogue): readonly string[] {
  const owned = ownedEvents(capabilities);
  const removed = Object.keys(previous).filter((type) => !owned.has(type));
  return [
    ...removed.map((type) => `${type} was removed: stored events of it could no longer be read`),
    ...[...owned].flatMap(([type, { definition }]) => [
      ...changedPayload(type, definition, previous[type]),
      ...missingUpcasters(type, definition),
    ]),
  ];
}

function changedPayload(type: string, definition: EventDefinition, before: CataloguedEvent | undefined): string[] {
  if (before === undefined) return [];
  if (definition.version < before.newest) return [`${type} fell back from version ${before.newest}`];
  const stored = before.versions[definition.version];
  if (stored === undefined || JSON.stringify(stored) === JSON.stringify(schemaOf(definition.data))) return [];
  return [`the payload of ${type} changed: raise its version above ${definition.version} and add an upcaster`];
}

function missingUpcasters(type: string, definition: EventDefinition): string[] {
  const older = Array.from({ length: definition.version - 1 }, (_, index) => index + 1);
  const missing = older.filter((version) => definition.upcasters?.[version] === undefined);
  return missing.map((version) => `${type} has no upcaster from version ${version}`);
}
