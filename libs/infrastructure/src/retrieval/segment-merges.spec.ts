import { mergeable, MERGED_AT_ONCE, type MergeLimits, type Segment } from './segment-merges.js';

const few = MERGED_AT_ONCE - 1;
const segments = (...entries: readonly number[]): Segment[] =>
  entries.map((count, at) => ({ segmentNo: String(at + 1), entries: count }));
const times = (count: number, entries: number): number[] => Array<number>(count).fill(entries);
const chosen = (...parameters: Parameters<typeof mergeable>): number[] =>
  mergeable(...parameters).map(({ entries }) => entries);

describe('the segments that should become one', () => {
  it('are none while few are about of a size', () => {
    expect(chosen(segments())).toEqual([]);
    expect(chosen(segments(...times(few, 100), ...times(few, 20_000), ...times(few, 100_000)))).toEqual([]);
  });

  it('are those of a size, the smallest first, in their order', () => {
    const small = [5, 8_000, 1, 70, 900, 3, 2_000, 60];
    expect(chosen(segments(...small, ...times(9, 20_000)))).toEqual(small);
    expect(chosen(segments(...times(few, 5), ...times(9, 20_000)))).toEqual(times(9, 20_000));
  });

  it('are no more than one may become, and at least two', () => {
    expect(chosen(segments(...times(40, 8_000)))).toEqual(times(16, 8_000));
    expect(chosen(segments(...times(8, 500_000)))).toEqual(times(2, 500_000));
    expect(chosen(segments(...times(20, 600_000)))).toEqual([]);
  });

  it('are, of those that were merged before, more while others write', () => {
    const server: MergeLimits = { moved: 131_072, largest: 1_048_576 };
    expect(chosen(segments(...times(15, 20_000)), server, true)).toEqual([]);
    expect(chosen(segments(...times(16, 20_000)), server, true)).toEqual(times(16, 20_000));
    expect(chosen(segments(...times(8, 5), ...times(15, 20_000)), server, true)).toEqual(times(8, 5));
  });

  it('are less at once where everything else waits for it', () => {
    const limits = { moved: 1_000, largest: 40_000 };
    expect(chosen(segments(...times(9, 400)), limits)).toEqual(times(2, 400));
    expect(chosen(segments(...times(9, 9_000)), limits)).toEqual(times(4, 9_000));
    expect(chosen(segments(...times(9, 30_000)), limits)).toEqual([]);
  });

  it('become so few that a scope is looked up in a handful, however many come', () => {
    let scope = segments();
    for (let at = 1; at <= 3_000; at += 1) {
      scope = [...scope, { segmentNo: `new${at}`, entries: 2_000 }];
      for (let due = mergeable(scope); due.length > 0; due = mergeable(scope)) {
        const sum = due.reduce((all, { entries }) => all + entries, 0);
        scope = [...scope.filter((segment) => !due.includes(segment)), { segmentNo: `made${at}`, entries: sum }];
      }
    }
    expect(scope.reduce((all, { entries }) => all + entries, 0)).toBe(6_000_000);
    expect(scope.length).toBeLessThan(30);
  });
});
