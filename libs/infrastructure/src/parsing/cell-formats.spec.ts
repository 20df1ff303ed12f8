import { builtInFormat, cellFormatOf, shownDays } from './cell-formats.js';

describe('a number of days', () => {
  it.each([
    [46_023, 'yyyy-mm-dd', '2026-01-01'],
    [46_023.75, 'd/m/yy h:mm', '2026-01-01 18:00'],
    [1 / 3, 'd/m/yy h:mm', '08:00'],
    [1 / 3, 'h:mm', '08:00'],
    [46_023.75, 'hh:mm AM/PM', '18:00'],
    [1 / 24 + 5 / 86_400, 'mm:ss', '01:00:05'],
    [1.5, '[h]:mm', '36:00'],
    [-0.25, '[hh]:mm:ss', '-06:00'],
    [1.5, '[Red][$-409]mmm', '1899-12-31 12:00'],
  ])('of %d is shown by %s as %s', (days, code, shown) => {
    const format = cellFormatOf(code);
    expect(format === undefined ? undefined : shownDays(days, format)).toBe(shown);
  });

  it.each(['General', '0.00', '#,##0.00" mdh"', '[Red]0;[Blue]-0', '0\\d', '_m#,##0'])('is a number by %s', (code) => {
    expect(cellFormatOf(code)).toBeUndefined();
  });

  it('is shown by the formats that every workbook has', () => {
    expect([14, 20, 46, 1].map(builtInFormat)).toEqual(['date', 'time', 'duration', undefined]);
  });
});
