import {
  jsonEvent,
  type AllStreamResolvedEvent,
  type EventData,
  type JSONType,
  type Position as ServerPosition,
  type ResolvedEvent,
} from '@eventstore/db-client';
import type { EventMetadata } from '#domain/kernel/events.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { parseStream } from '#domain/kernel/streams.js';
import { canonicalJson } from './canonical-json.js';
import { CorruptEvent, type Filter, type Position, type StoredEvent } from './event-log.js';
import type { PreparedEvent } from './prepared-append.js';

/** Category of the streams that hold writer controls; they share the server with the log and are no part of it. */
export const CONTROL_CATEGORY = 'writerControl';

/** What a subscription leaves out on the server already: its own system events, and writer controls. */
export const OURS = String.raw`^(?!\$|${CONTROL_CATEGORY}-)`;

export type AnyResolved = ResolvedEvent | AllStreamResolvedEvent;

/** `<commit 20 digits>:<prepare 20 digits>`, so that byte order is log order. */
export function positionOfServer({ commit, prepare }: ServerPosition): Position {
  return `${String(commit).padStart(20, '0')}:${String(prepare).padStart(20, '0')}`;
}

/** RangeError when it is not a position of this adapter. */
export function serverPosition(position: Position): ServerPosition {
  const parts = /^(\d{20}):(\d{20})$/.exec(position);
  if (parts?.[1] === undefined || parts[2] === undefined) throw new RangeError('not a position of this log');
  return { commit: BigInt(parts[1]), prepare: BigInt(parts[2]) };
}

/** Where an answer of the server stands; undefined for a link whose event is gone. */
export function placeOf(resolved: AnyResolved): Position | undefined {
  const position = resolved.event?.position ?? resolved.link?.position;
  return position === undefined ? undefined : positionOfServer(position);
}

/** Whether it is an event of the log, and not one of the server, of the writer control, or of somebody else. */
export function isOurs(stream: string): boolean {
  if (stream.startsWith('$') || stream.startsWith(`${CONTROL_CATEGORY}-`)) return false;
  return parseStream(stream) !== undefined;
}

export function passes(event: StoredEvent, filter: Filter | undefined): boolean {
  if (filter?.types !== undefined && !filter.types.includes(event.type)) return false;
  if (filter?.categories === undefined) return true;
  return filter.categories.includes(parseStream(event.stream)?.category ?? '');
}

/**
 * An event for the client, whose metadata also holds the schema version. The client prints `data` itself, in the order of
 * its keys: canonical, except that keys that are numbers come first. Reading prints it canonically again.
 */
export function proposalOf({ id, type, schemaVersion, data, metadata }: PreparedEvent): EventData {
  const withVersion = { ...(JSON.parse(metadata) as JsonObject), schemaVersion };
  return jsonEvent({
    id,
    type,
    data: JSON.parse(data) as JSONType,
    metadata: new Uint8Array(Buffer.from(canonicalJson(withVersion))),
  });
}

/** The event of an answer. Throws `CorruptEvent` when its bytes are not what an append of ours wrote. */
export function storedEventOf(resolved: AnyResolved): StoredEvent {
  const { event } = resolved;
  const position = placeOf(resolved);
  if (event === undefined || position === undefined) {
    throw new CorruptEvent(position ?? '', 'the server does not tell its position; it needs version 22.6 or later');
  }
  const { schemaVersion, ...metadata } = objectOf(event.metadata, position);
  if (typeof schemaVersion !== 'number') throw new CorruptEvent(position, 'its metadata lacks schemaVersion');
  if (typeof metadata['tenantId'] !== 'string' || typeof metadata['occurredAt'] !== 'string') {
    throw new CorruptEvent(position, 'its metadata lacks tenantId or occurredAt');
  }
  const data = objectOf(event.data, position);
  return {
    id: event.id,
    stream: event.streamId,
    revision: Number(event.revision),
    position,
    type: event.type,
    schemaVersion,
    data,
    metadata: metadata as unknown as EventMetadata,
    recordedAt: event.created.toISOString(),
    raw: rawOf(data, metadata),
  };
}

/** Printed when it is asked for: a projection never looks at it. */
function rawOf(data: JsonObject, metadata: JsonObject): StoredEvent['raw'] {
  let printed: StoredEvent['raw'] | undefined;
  const print = (): StoredEvent['raw'] =>
    (printed ??= { data: canonicalJson(data), metadata: canonicalJson(metadata) });
  return {
    get data() {
      return print().data;
    },
    get metadata() {
      return print().metadata;
    },
  };
}

/** What does not parse the client hands over as text or bytes. */
function objectOf(value: unknown, position: Position): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    throw new CorruptEvent(position, 'its bytes are not a JSON object');
  }
  return value as JsonObject;
}
