import { hash, randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** Root of our name-based ids (a fixed uuid v4 chosen for this project). */
const NAMESPACE = Buffer.from('b7f2a0de2f1c4c559d0e6a1a5d6e0c11', 'hex');

/** One call of the generator costs as much for 16 bytes as for thousands. */
const randomness = Buffer.alloc(4_096);
let taken = randomness.length;

let milliseconds = 0;
let sequence = 0;

/** A new uuid v7: ordered by time, within one process also inside a millisecond; unique without coordination. */
export function newId(): string {
  const random = freshBytes();
  const now = Date.now();
  if (now > milliseconds) {
    milliseconds = now;
    sequence = random.readUInt32BE(6) >>> 1;
  } else {
    sequence = (sequence + 1) >>> 0;
    if (sequence === 0) milliseconds += 1;
  }
  return v7({ random, msecs: milliseconds, seq: sequence });
}

/** The uuid (v5) that stands for a caller's own id within one tenant and kind, e.g. the stream id of document `doc-1`. */
export function idFor(kind: string, tenantId: string, publicId: string): string {
  return named(`${kind}\n${tenantId}\n${publicId}`);
}

/** The uuid (v5) of the `index`-th thing that came of `source`, so that a repeat makes the same one. */
export function derivedId(source: string, index: number | string): string {
  return named(`${source}\n${index}`);
}

/** 16 bytes that are handed out once. */
function freshBytes(): Buffer {
  if (taken === randomness.length) {
    randomFillSync(randomness);
    taken = 0;
  }
  return randomness.subarray(taken, (taken += 16));
}

/** RFC 9562, 5.5: the first 128 bits of a SHA-1 with version and variant set. uuid's own takes three times as long. */
function named(name: string): string {
  const hex = hash('sha1', Buffer.concat([NAMESPACE, Buffer.from(name)]), 'hex');
  const variant = '89ab'.charAt(Number.parseInt(hex.charAt(16), 16) & 3);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
