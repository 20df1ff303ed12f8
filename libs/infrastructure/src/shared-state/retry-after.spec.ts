import { retryAfterMs, retryDelayMs } from './retry-after.js';

const now = Date.UTC(2026, 0, 2, 3, 4, 5);

describe('what a service asks for by Retry-After', () => {
  it.each([
    ['0', 0],
    ['7', 7_000],
    [' 60 ', 60_000],
    ['0.05', 50],
    ['Fri, 02 Jan 2026 03:05:05 GMT', 60_000],
    ['Friday, 02-Jan-26 03:05:05 GMT', 60_000],
    ['Fri Jan  2 03:05:05 2026', 60_000],
    ['Thu, 01 Jan 2026 00:00:00 GMT', 0],
  ])('is read: %j', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms);
  });

  it.each([
    null,
    undefined,
    '',
    ' ',
    '-5',
    '1e3',
    '0x10',
    'Infinity',
    '99999999999',
    'soon 5',
    '7s',
    'Fri, 99 Foo 00:00:00',
  ])('is nothing where it can not be read: %j', (header) => {
    expect(retryAfterMs(header, now)).toBeUndefined();
  });

  it('is read from the body of an error of Google', () => {
    expect(retryDelayMs('{"details":[{"retryDelay": "1.5s"}]}')).toBe(1_500);
    expect(retryDelayMs('{"details":[]}')).toBeUndefined();
  });
});
