import { CatalogueError } from '#domain/kernel/errors.js';
import type { EventDefinition } from '#domain/kernel/events.js';
import { parseStream } from '#domain/kernel/streams.js';
import { httpErrors } from '#api/http/errors.js';
import type { Filter, StoredEvent } from '#infra/event-log/event-log.js';

/** Which events a subscriber asked for. */
export interface Topics {
  /** What the log itself may leave out; undefined where it cannot tell. */
  readonly filter: Filter | undefined;
  includes(event: StoredEvent, definition: EventDefinition): boolean;
}

const auditCategories: readonly string[] = [
  'auth',
  'security',
  'data',
  'run',
  'system',
  'quota',
  'governance',
  'compliance',
  'ops',
] satisfies EventDefinition['audit']['category'][];

/** Reads a comma-separated list of topics; absent: every event. Refuses a name that neither kind of category has with 400. */
export function topicsOf(text: string | undefined, categories: ReadonlySet<string>): Topics {
  const names = new Set((text ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()])));
  if (names.size === 0) return { filter: undefined, includes: () => true };
  const unknown = [...names].some((name) => !categories.has(name) && !auditCategories.includes(name));
  if (unknown) throw new CatalogueError(httpErrors.badRequest, { topic: [...categories, ...auditCategories].sort() });
  const ofStreams = [...names].every((name) => !auditCategories.includes(name));
  return {
    filter: ofStreams ? { categories: [...names] } : undefined,
    includes: (event, { audit }) => names.has(audit.category) || names.has(parseStream(event.stream)?.category ?? ''),
  };
}
