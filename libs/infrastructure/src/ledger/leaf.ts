import { hash } from 'node:crypto';
import type { LogId, StoredEvent } from '#infra/event-log/event-log.js';

/** Version byte of the leaf format (docs/ledger-format.md, 1). */
export const LEAF_VERSION = 1;

/** What a leaf commits to. Nothing in it depends on the adapter that stores the event. */
export interface Leaf {
  readonly log: string;
  readonly stream: string;
  readonly revision: number;
  readonly eventId: string;
  readonly type: string;
  readonly schemaVersion: number;
  /** ISO 8601 UTC with milliseconds. */
  readonly occurredAt: string;
  readonly dataHash: Uint8Array;
  readonly metadataHash: Uint8Array;
}

/** The parts of a stored event that enter its leaf. */
export type LeafSource = Pick<StoredEvent, 'id' | 'stream' | 'revision' | 'type' | 'schemaVersion' | 'raw'> & {
  readonly metadata: { readonly occurredAt: string };
};

/** The bytes do not follow the leaf format. */
export class MalformedLeaf extends Error {
  constructor(message: string) {
    super(`malformed leaf: ${message}`);
    this.name = 'MalformedLeaf';
  }
}

/** SHA-256 over the UTF-8 bytes of a text. */
export function sha256(text: string | Uint8Array): Uint8Array {
  return hash('sha256', text, 'buffer');
}

/** Leaf bytes of a stored event: version byte, then nine fields, each behind its length as 4 bytes big-endian. */
export function encodeLeaf(log: LogId, event: LeafSource): Uint8Array {
  return printLeaf({
    log,
    stream: event.stream,
    revision: event.revision,
    eventId: event.id,
    type: event.type,
    schemaVersion: event.schemaVersion,
    occurredAt: event.metadata.occurredAt,
    dataHash: sha256(event.raw.data),
    metadataHash: sha256(event.raw.metadata),
  });
}

export function printLeaf(leaf: Leaf): Uint8Array {
  const fields = [
    Buffer.from(leaf.log, 'utf8'),
    Buffer.from(leaf.stream, 'utf8'),
    uint64(leaf.revision),
    Buffer.from(leaf.eventId, 'utf8'),
    Buffer.from(leaf.type, 'utf8'),
    uint64(leaf.schemaVersion),
    Buffer.from(leaf.occurredAt, 'utf8'),
    leaf.dataHash,
    leaf.metadataHash,
  ];
  const bytes = Buffer.allocUnsafe(1 + fields.reduce((sum, field) => sum + 4 + field.length, 0));
  let at = bytes.writeUInt8(LEAF_VERSION, 0);
  for (const field of fields) {
    at = bytes.writeUInt32BE(field.length, at);
    bytes.set(field, at);
    at += field.length;
  }
  return bytes;
}

/** Reads leaf bytes strictly; throws MalformedLeaf on another version, wrong lengths, bad UTF-8 or trailing bytes. */
export function parseLeaf(bytes: Uint8Array): Leaf {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view[0] !== LEAF_VERSION) throw new MalformedLeaf('unknown version');
  let at = 1;
  const next = (): Buffer => {
    if (at + 4 > view.length) throw new MalformedLeaf('cut off');
    const end = at + 4 + view.readUInt32BE(at);
    if (end > view.length) throw new MalformedLeaf('cut off');
    const field = view.subarray(at + 4, end);
    at = end;
    return field;
  };
  const leaf: Leaf = {
    log: textOf(next()),
    stream: textOf(next()),
    revision: countOf(next()),
    eventId: textOf(next()),
    type: textOf(next()),
    schemaVersion: countOf(next()),
    occurredAt: textOf(next()),
    dataHash: hashOf(next()),
    metadataHash: hashOf(next()),
  };
  if (at !== view.length) throw new MalformedLeaf('trailing bytes');
  return leaf;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function textOf(field: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(field);
  } catch {
    throw new MalformedLeaf('not UTF-8');
  }
}

function countOf(field: Buffer): number {
  if (field.length !== 8) throw new MalformedLeaf('a number is not 8 bytes');
  const value = Number(field.readBigUInt64BE());
  if (!Number.isSafeInteger(value)) throw new MalformedLeaf('a number is too large');
  return value;
}

function hashOf(field: Buffer): Uint8Array {
  if (field.length !== 32) throw new MalformedLeaf('a hash is not 32 bytes');
  return field;
}
