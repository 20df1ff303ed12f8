import { int8Elements } from '#infra/database/binary-arrays.js';
import { segmentOf } from './posting-buckets.js';

/** The numbers of an array without its head. */
function numbers(elements: Uint8Array): bigint[] {
  const view = new DataView(elements.buffer, elements.byteOffset, elements.byteLength);
  return Array.from({ length: elements.length / 12 }, (_, at) => {
    expect(view.getInt32(at * 12)).toBe(8);
    return view.getBigInt64(at * 12 + 4);
  });
}

/** Terms spread over all there can be, the least and the greatest among them. */
const termsOf = (count: number, step: bigint): bigint[] =>
  Array.from({ length: count }, (_, at) => BigInt.asIntN(64, BigInt(at) * step - 2n ** 63n));
const part = (versionNo: number, terms: readonly bigint[]) => ({
  versionNo,
  postings: { terms: int8Elements(terms), hits: int8Elements(terms.map((_, at) => BigInt(at) << 32n)) },
});

describe('a segment that is cut into buckets', () => {
  const [first, second] = [
    termsOf(700, 0x9e37_79b9_7f4a_7c15n),
    [...termsOf(300, 0xd1b5_4a32_d192_ed03n), -1n, 2n ** 63n - 1n],
  ];
  const large = 2 ** 33 + 5;
  const segment = segmentOf(7, [part(large, first), part(12, second)]);

  it('has every posting with its version and its hit, in the bucket of its term', () => {
    if (segment === undefined) throw new Error('no segment');
    const [terms, versions, hits] = [segment.terms, segment.versions, segment.hits].map(numbers);
    const buckets = segment.buckets.flatMap(({ bucket, entries }) => Array<number>(entries).fill(bucket));
    expect(terms?.map((term) => Number(term >> BigInt(segment.shift)))).toEqual(buckets);
    expect(buckets).toEqual([...buckets].sort((left, right) => left - right));
    const found = terms?.map((term, at) => `${term} ${versions?.[at]} ${hits?.[at]}`).sort();
    const given = [[large, first] as const, [12, second] as const].flatMap(([versionNo, own]) =>
      own.map((term, at) => `${term} ${versionNo} ${BigInt(at) << 32n}`),
    );
    expect(found).toEqual(given.sort());
  });

  it('says of itself what the table says', () => {
    expect(segment).toMatchObject({ scopeNo: 7, shift: 60, entries: 1_002, firstVersion: 12, lastVersion: large });
  });

  it('is none where nobody has a posting, and of two buckets where there is one', () => {
    expect(segmentOf(7, [part(1, [])])).toBeUndefined();
    expect(segmentOf(7, [part(1, [5n])])).toMatchObject({ shift: 63, buckets: [{ bucket: 0, entries: 1 }] });
  });
});
