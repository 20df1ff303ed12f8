import { parseStream } from '#domain/kernel/streams.js';
import { canonicalJson } from './canonical-json.js';
import type { Companion } from './companions.js';
import {
  AppendTooLarge,
  MAX_BYTES_PER_APPEND,
  MAX_EVENTS_PER_APPEND,
  type Expected,
  type NewEvent,
  type Position,
} from './event-log.js';

export interface PreparedEvent {
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: string;
  readonly metadata: string;
}

/** An append whose limits were checked and whose bytes are fixed. */
export interface PreparedAppend {
  readonly stream: string;
  readonly expected: Expected;
  readonly events: readonly PreparedEvent[];
  readonly companions: readonly Companion[];
  /** UTF-8 bytes of all data and metadata, and of the companions. */
  readonly bytes: number;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Checks and serialises. Throws `AppendTooLarge`, `NotCanonical`, or RangeError for names and ids that are not ours. */
export function prepareAppend(
  stream: string,
  events: readonly NewEvent[],
  expected: Expected,
  companions: readonly Companion[] = [],
): PreparedAppend {
  if (parseStream(stream) === undefined || stream.length > 512) {
    throw new RangeError(`stream ${stream.slice(0, 80)} is not <category>-<tenant>.<id>`);
  }
  if (events.length === 0) throw new RangeError('an append needs at least one event');
  if (events.length > MAX_EVENTS_PER_APPEND) {
    throw new AppendTooLarge(`${events.length} events in one append; at most ${MAX_EVENTS_PER_APPEND}`);
  }
  checkIds(events);
  let bytes = 0;
  const prepared: PreparedEvent[] = [];
  for (const { id, type, schemaVersion, data, metadata } of events) {
    const event = { id, type, schemaVersion, data: canonicalJson(data), metadata: canonicalJson(metadata) };
    bytes += Buffer.byteLength(event.data) + Buffer.byteLength(event.metadata);
    if (bytes > MAX_BYTES_PER_APPEND) {
      throw new AppendTooLarge(`an append of more than ${MAX_BYTES_PER_APPEND} bytes`);
    }
    prepared.push(event);
  }
  const beside = companions.reduce((sum, companion) => sum + companion.bytes, 0);
  return { stream, expected, events: prepared, companions, bytes: bytes + beside };
}

/** A number as a position of the gapless adapters: 20 digits. */
export function positionOf(value: string | number): Position {
  return String(value).padStart(20, '0');
}

/** A position of the gapless adapters as a plain decimal; `0` before the first event. RangeError when it is not one. */
export function ordinalOf(position: Position | null): string {
  if (position === null) return '0';
  if (!/^\d{20}$/.test(position)) throw new RangeError('not a position of this log');
  return BigInt(position).toString();
}

function checkIds(events: readonly NewEvent[]): void {
  const seen = new Set<string>();
  for (const { id } of events) {
    if (!uuid.test(id)) throw new RangeError('event ids are uuids in lower case');
    if (seen.has(id)) throw new RangeError('an event id occurs twice in one append');
    seen.add(id);
  }
}
