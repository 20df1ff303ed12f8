import { untilBeat } from './beats.js';

describe('the beat', () => {
  it.each([
    [25, 1_000, 100],
    [0, 1_000, 0],
    [100, 1_000, 100],
    [25, 1_070, 30],
    [25, 1_080, 120],
  ])('that is %d ms away at least is, at %d, %d ms away', (ms, now, until) => {
    expect(untilBeat(ms, now)).toBe(until);
  });
});
