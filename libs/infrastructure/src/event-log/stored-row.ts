import type { EventMetadata } from '#domain/kernel/events.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { CorruptEvent, type Position, type StoredEvent } from './event-log.js';
import { positionOf } from './prepared-append.js';

/** A row of log.event with its stream's name; every column arrives as text, except the int4 version. */
export interface EventRow {
  readonly position: string;
  readonly stream: string;
  readonly revision: string;
  readonly event_id: string;
  readonly type: string;
  readonly schema_version: number;
  readonly recorded_at: string;
  readonly data: string;
  readonly metadata: string;
}

/** The select list of an `EventRow` from log.event e; `stream` is the SQL of the stream's name. */
export function eventColumns(stream: string): string {
  return `e.position, ${stream} as stream, e.revision, e.event_id, e.type, e.schema_version,
    e.recorded_at::text as recorded_at, e.data, e.metadata`;
}

/** What the ledger hashes, without a parsed payload. */
export interface RawEvent {
  readonly position: Position;
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly occurredAt: string;
  readonly data: string;
  readonly metadata: string;
}

/** Reads one page of rows. Throws `CorruptEvent` at the first whose bytes do not parse to objects. */
export function storedEvents(rows: readonly EventRow[]): StoredEvent[] {
  const instant = instants();
  return rows.map((row) => {
    const position = positionOf(row.position);
    return {
      id: row.event_id,
      stream: row.stream,
      revision: Number(row.revision),
      position,
      type: row.type,
      schemaVersion: row.schema_version,
      data: parseObject(position, row.data),
      metadata: parseMetadata(position, row.metadata),
      recordedAt: instant(row.recorded_at),
      raw: { data: row.data, metadata: row.metadata },
    };
  });
}

/** Reads one page for the ledger: only the metadata is parsed, for its instant. */
export function rawEvents(rows: readonly EventRow[]): RawEvent[] {
  return rows.map((row) => {
    const position = positionOf(row.position);
    return {
      position,
      stream: row.stream,
      revision: Number(row.revision),
      id: row.event_id,
      type: row.type,
      schemaVersion: row.schema_version,
      occurredAt: parseMetadata(position, row.metadata).occurredAt,
      data: row.data,
      metadata: row.metadata,
    };
  });
}

function parseObject(position: Position, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CorruptEvent(position, 'its bytes are not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CorruptEvent(position, 'its bytes are not a JSON object');
  }
  return value as JsonObject;
}

function parseMetadata(position: Position, text: string): EventMetadata {
  const metadata = parseObject(position, text);
  if (typeof metadata['tenantId'] !== 'string' || typeof metadata['occurredAt'] !== 'string') {
    throw new CorruptEvent(position, 'its metadata lacks tenantId or occurredAt');
  }
  return metadata as unknown as EventMetadata;
}

/** A batch shares one instant, so remembering the last makes the conversion nearly free. */
function instants(): (text: string) => string {
  let last = '';
  let iso = '';
  return (text) => {
    if (text !== last) {
      last = text;
      iso = new Date(text).toISOString();
    }
    return iso;
  };
}
