import { dueMinutes, parseCron } from './cron.js';

const at = (text: string): Date => new Date(`${text}:00.000Z`);

describe('a cron line', () => {
  it.each([
    ['* * * * *', '2026-03-01T03:31', true],
    ['30 3 * * *', '2026-03-01T03:30', true],
    ['30 3 * * *', '2026-03-01T03:31', false],
    ['*/15 * * * *', '2026-03-01T03:45', true],
    ['*/15 * * * *', '2026-03-01T03:50', false],
    ['5/20 * * * *', '2026-03-01T03:45', true],
    ['0 9-17/4 * * 1-5', '2026-03-02T13:00', true],
    ['0 9-17/4 * * 1-5', '2026-03-01T13:00', false],
    ['0 0 * * 7', '2026-03-01T00:00', true],
    ['0 0 1,15 * *', '2026-03-15T00:00', true],
    ['0 0 13 * 5', '2026-03-20T00:00', true],
    ['0 0 13 * 5', '2026-03-13T00:00', true],
    ['0 0 13 * 5', '2026-03-14T00:00', false],
    ['0 0 * 2 *', '2026-03-01T00:00', false],
  ])('%s at %s: %s', (line, time, fires) => {
    expect(parseCron(line).matches(at(time))).toBe(fires);
  });

  it.each([
    '* * * *',
    '60 * * * *',
    '* * 0 * *',
    'a * * * *',
    '5-1 * * * *',
    '*/0 * * * *',
    '* * * 13 *',
    '1,,2 * * * *',
  ])('is refused when it makes no sense: %s', (line) => {
    expect(() => parseCron(line)).toThrow(RangeError);
  });

  it('is due in the minutes that just passed, oldest first', () => {
    const now = new Date('2026-03-01T03:32:59.999Z');
    expect(dueMinutes(parseCron('*/2 * * * *'), now, 5)).toEqual([
      '2026-03-01T03:28:00.000Z',
      '2026-03-01T03:30:00.000Z',
      '2026-03-01T03:32:00.000Z',
    ]);
  });
});
