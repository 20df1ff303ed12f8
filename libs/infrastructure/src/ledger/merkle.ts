import { hash } from 'node:crypto';

/** Bytes of one tree hash (SHA-256). */
export const HASH_BYTES = 32;

/** Gives the root of the complete subtree over leaves [index·2^level, (index+1)·2^level). */
export type NodeReader = (level: number, index: number) => Promise<Uint8Array>;

/** Root of the tree without leaves: SHA-256 of nothing (RFC 6962, 2.1). */
export const EMPTY_ROOT: Uint8Array = hash('sha256', '', 'buffer');

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

/** SHA-256(0x00 ‖ leaf), RFC 6962 2.1. */
export function leafHash(leaf: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([leafPrefix, leaf]), 'buffer');
}

/** SHA-256(0x01 ‖ left ‖ right), RFC 6962 2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([nodePrefix, left, right]), 'buffer');
}

/** True when both are the same bytes; the values compared are public, so time is not hidden. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The right edge of a growing tree: one hash for each 1 bit of its size, largest subtree first. */
export class Frontier {
  private count: number;
  private readonly edge: Uint8Array[];

  /** Throws RangeError when the hashes do not fit the size. */
  constructor(size = 0, hashes: readonly Uint8Array[] = []) {
    if (hashes.length !== ones(size)) throw new RangeError(`a tree of ${size} has ${ones(size)} edge hashes`);
    this.count = size;
    this.edge = [...hashes];
  }

  get size(): number {
    return this.count;
  }

  get hashes(): readonly Uint8Array[] {
    return this.edge;
  }

  copy(): Frontier {
    return new Frontier(this.count, this.edge);
  }

  /** Adds the hash of the next leaf. */
  append(hash: Uint8Array): void {
    let node = hash;
    for (let rest = this.count; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = this.edge.pop();
      if (left === undefined) throw new RangeError('the edge is shorter than its size');
      node = nodeHash(left, node);
    }
    this.edge.push(node);
    this.count += 1;
  }

  root(): Uint8Array {
    const last = this.edge.at(-1);
    if (last === undefined) return EMPTY_ROOT;
    return this.edge.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
  }
}

/** Root over leaves [start, end), read from complete subtrees; `start` is a multiple of the largest of them. */
export async function rangeRoot(start: number, end: number, nodes: NodeReader): Promise<Uint8Array> {
  const width = end - start;
  if (width <= 0) return EMPTY_ROOT;
  const split = splitOf(width);
  if (split * 2 === width || width === 1) return nodes(Math.round(Math.log2(width)), start / width);
  return nodeHash(await rangeRoot(start, start + split, nodes), await rangeRoot(start + split, end, nodes));
}

/** Audit path of leaf `index` in the tree of `size` leaves, from the leaf upwards (RFC 6962 2.1.1). */
export async function inclusionPath(index: number, size: number, nodes: NodeReader): Promise<Uint8Array[]> {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`);
  const path: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      path.push(await rangeRoot(middle, end, nodes));
      end = middle;
    } else {
      path.push(await rangeRoot(start, middle, nodes));
      start = middle;
    }
  }
  return path.reverse();
}

/** Proof that the tree of `to` leaves extends the one of `from` (RFC 6962 2.1.2); empty for `from` 0 and for equal sizes. */
export async function consistencyPath(from: number, to: number, nodes: NodeReader): Promise<Uint8Array[]> {
  if (!isCount(from) || !isCount(to) || from > to)
    throw new RangeError(`a tree of ${to} does not extend one of ${from}`);
  if (from === 0 || from === to) return [];
  const path: Uint8Array[] = [];
  let [start, end, whole] = [0, to, true];
  while (end !== from) {
    const middle = start + splitOf(end - start);
    if (from <= middle) {
      path.push(await rangeRoot(middle, end, nodes));
      end = middle;
    } else {
      path.push(await rangeRoot(start, middle, nodes));
      start = middle;
      whole = false;
    }
  }
  if (!whole) path.push(await rangeRoot(start, end, nodes));
  return path.reverse();
}

/** True when `hash` is leaf `index` of the tree with this size and root (RFC 9162 2.1.3.2). */
export function verifyInclusion(
  hash: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let [place, last, node] = [index, size - 1, hash];
  for (const step of path) {
    if (step.length !== HASH_BYTES || last === 0) return false;
    if (joinsLeft(place, last)) {
      node = nodeHash(step, node);
      [place, last] = skipAlone(place, last);
    } else {
      node = nodeHash(node, step);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && sameBytes(node, root);
}

/** A tree head: number of leaves and root. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** True when the tree `to` begins with all leaves of `from` (RFC 9162 2.1.4.2). */
export function verifyConsistency(from: TreeHead, to: TreeHead, path: readonly Uint8Array[]): boolean {
  if (!isCount(from.size) || !isCount(to.size) || from.size > to.size) return false;
  if (path.some((step) => step.length !== HASH_BYTES)) return false;
  if (from.size === to.size) return path.length === 0 && sameBytes(from.root, to.root);
  if (from.size === 0) return path.length === 0 && sameBytes(from.root, EMPTY_ROOT);
  const steps = isPowerOfTwo(from.size) ? [from.root, ...path] : [...path];
  return climb(from, to, steps);
}

function climb(from: TreeHead, to: TreeHead, steps: readonly Uint8Array[]): boolean {
  let [place, last] = [from.size - 1, to.size - 1];
  while (place % 2 === 1) [place, last] = [half(place), half(last)];
  const [first, ...rest] = steps;
  if (first === undefined) return false;
  let [older, newer] = [first, first];
  for (const step of rest) {
    if (last === 0) return false;
    if (joinsLeft(place, last)) {
      older = nodeHash(step, older);
      newer = nodeHash(step, newer);
      [place, last] = skipAlone(place, last);
    } else {
      newer = nodeHash(newer, step);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && sameBytes(older, from.root) && sameBytes(newer, to.root);
}

/** True when the next step of a path is the left sibling. */
function joinsLeft(place: number, last: number): boolean {
  return place % 2 === 1 || place === last;
}

/** Climbs past the levels at which the last node has no sibling. */
function skipAlone(place: number, last: number): [number, number] {
  return place % 2 === 1 || place === 0 ? [place, last] : skipAlone(half(place), half(last));
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

// Sizes pass 2^32, where the bit operators of the language stop.
function ones(value: number): number {
  let found = 0;
  for (let rest = value; rest > 0; rest = half(rest)) found += rest % 2;
  return found;
}

function isPowerOfTwo(value: number): boolean {
  return ones(value) === 1;
}

/** Largest power of two below `width`; 1 for a width of 1. */
function splitOf(width: number): number {
  let split = 1;
  while (split * 2 < width) split *= 2;
  return split;
}
