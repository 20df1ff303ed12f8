import { INT8_ELEMENT, int4Array, int8ArrayOf, int8Elements } from '#infra/database/binary-arrays.js';
import type { Postings } from './postings.js';

/** The postings of one version that will lie in a segment with others. */
export interface SegmentPart {
  readonly versionNo: number;
  readonly postings: Pick<Postings, 'terms' | 'hits'>;
}

/** A segment before it is written: what `retrieval.segment` says of it, and its postings in the order of their buckets. */
export interface NewSegment {
  readonly scopeNo: number;
  readonly shift: number;
  readonly entries: number;
  readonly firstVersion: number;
  readonly lastVersion: number;
  readonly buckets: readonly Bucket[];
  /** Elements of `int8` arrays, as those of `Postings`. */
  readonly terms: Uint8Array;
  readonly versions: Uint8Array;
  readonly hits: Uint8Array;
}

interface Bucket {
  readonly bucket: number;
  readonly entries: number;
}

/** Postings that a bucket has or fewer, had all terms as many. */
const BUCKET_ENTRIES = 64;
/** Of a term's hash, so that its bucket is a matter of its upper word; a segment of this many buckets has 4 million postings. */
const MOST_BITS = 16;

/** The segment of some versions of a scope, cut into buckets as `retrieval.shift_of` cuts them; none where they have no postings. */
export function segmentOf(scopeNo: number, parts: readonly SegmentPart[]): NewSegment | undefined {
  const entries = parts.reduce((sum, { postings }) => sum + countOf(postings.terms), 0);
  if (entries === 0) return undefined;
  const numbers = parts.map(({ versionNo }) => versionNo);
  const bits = Math.min(MOST_BITS, Math.max(1, Math.ceil(Math.log2(entries / BUCKET_ENTRIES))));
  const sizes = sizesOf(parts, bits);
  const buckets = Array.from(sizes, (size, at) => ({ bucket: at - sizes.length / 2, entries: size }));
  return {
    scopeNo,
    shift: 64 - bits,
    entries,
    firstVersion: Math.min(...numbers),
    lastVersion: Math.max(...numbers),
    buckets: buckets.filter((bucket) => bucket.entries > 0),
    ...sorted(parts, bits, entries, sizes),
  };
}

/** The parameters of a statement that writes segments: their columns, the columns of their buckets, and all postings one after the other. */
export function segmentParameters(segments: readonly NewSegment[]): readonly Buffer[] {
  const buckets = segments.flatMap(({ scopeNo, buckets: own }) => own.map((bucket) => ({ scopeNo, ...bucket })));
  const [from, to] = rangesOf(buckets.map(({ entries }) => entries));
  return [
    int4Array(segments.map(({ scopeNo }) => scopeNo)),
    int4Array(segments.map(({ shift }) => shift)),
    int4Array(segments.map(({ entries }) => entries)),
    int8ArrayOf([int8Elements(segments.map(({ firstVersion }) => BigInt(firstVersion)))]),
    int8ArrayOf([int8Elements(segments.map(({ lastVersion }) => BigInt(lastVersion)))]),
    int4Array(buckets.map(({ scopeNo }) => scopeNo)),
    int4Array(buckets.map(({ bucket }) => bucket)),
    from,
    to,
    int8ArrayOf(segments.map(({ terms }) => terms)),
    int8ArrayOf(segments.map(({ versions }) => versions)),
    int8ArrayOf(segments.map(({ hits }) => hits)),
  ];
}

/** How many `int8` elements some bytes are. */
export function countOf(elements: Uint8Array): number {
  return elements.length / INT8_ELEMENT;
}

/** Where each of some lists begins and ends in all of them as one, counted from 1. */
export function rangesOf(counts: readonly number[]): readonly [from: Buffer, to: Buffer] {
  const ends: number[] = [];
  for (const count of counts) ends.push((ends.at(-1) ?? 0) + count);
  return [int4Array(counts.map((count, at) => (ends[at] ?? 0) - count + 1)), int4Array(ends)];
}

/** How many postings have each of the upper bits of a term, from the least one on. */
function sizesOf(parts: readonly SegmentPart[], bits: number): Uint32Array {
  const sizes = new Uint32Array(2 ** bits);
  for (const { postings } of parts) {
    const terms = viewOf(postings.terms);
    for (let at = 0; at < postings.terms.length; at += INT8_ELEMENT) {
      const place = placeOf(terms.getInt32(at + 4), bits);
      sizes[place] = (sizes[place] ?? 0) + 1;
    }
  }
  return sizes;
}

/** All postings by their buckets, in each in the order in which they came. */
function sorted(parts: readonly SegmentPart[], bits: number, entries: number, sizes: Uint32Array) {
  const room = (): Uint8Array => new Uint8Array(entries * INT8_ELEMENT);
  const [terms, versions, hits] = [room(), room(), room()];
  const views = { terms: viewOf(terms), versions: viewOf(versions), hits: viewOf(hits) };
  const next = new Uint32Array(sizes.length);
  for (let place = 1; place < sizes.length; place += 1) next[place] = (next[place - 1] ?? 0) + (sizes[place - 1] ?? 0);
  for (const { versionNo, postings } of parts) {
    const [from, fromHits] = [viewOf(postings.terms), viewOf(postings.hits)];
    const upper = Math.floor(versionNo / 2 ** 32);
    for (let at = 0; at < postings.terms.length; at += INT8_ELEMENT) {
      const term = from.getInt32(at + 4);
      const place = placeOf(term, bits);
      const to = next[place] ?? 0;
      next[place] = to + 1;
      writeElement(views.terms, to * INT8_ELEMENT, term, from.getInt32(at + 8));
      writeElement(views.versions, to * INT8_ELEMENT, upper, versionNo);
      writeElement(views.hits, to * INT8_ELEMENT, fromHits.getInt32(at + 4), fromHits.getInt32(at + 8));
    }
  }
  return { terms, versions, hits };
}

/** The number of a bucket, `term >> shift`, counted from the least there can be. */
function placeOf(upperWord: number, bits: number): number {
  return (upperWord >> (32 - bits)) + 2 ** (bits - 1);
}

function writeElement(view: DataView, at: number, upper: number, lower: number): void {
  view.setInt32(at, 8);
  view.setInt32(at + 4, upper);
  view.setInt32(at + 8, lower);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
