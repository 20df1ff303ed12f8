import { Records } from './records.js';

function textOf(rows: readonly (readonly string[])[]): string {
  const records = new Records();
  return rows.map((row) => records.row(row)).join('') + records.end();
}

describe('the rows of a table', () => {
  it('stand under the first row of two values, after the text above it', () => {
    const rows = [['Sales report 2026'], ['', ''], ['', 'in euros'], ['Region', 'Amount'], ['North', '10'], ['South']];
    expect(textOf(rows)).toBe('Sales report 2026\n\nin euros\n\nRegion: North; Amount: 10\n\nRegion: South\n\n');
  });

  it('stand under the first row where there is one column only', () => {
    expect(textOf([['Name'], ['Ann'], ['Bea']])).toBe('Name: Ann\n\nName: Bea\n\n');
    const many = textOf([['Name'], ...Array.from({ length: 30 }, (_, at) => [`n${at}`]), ['Ann', '40']]);
    expect(many).toMatch(/^Name: n0\n\n.*Name: n29\n\nName: Ann; 40\n\n$/su);
  });

  it('are the header where nothing else is there', () => {
    expect(textOf([['Region', '', 'Amount']])).toBe('Region; Amount\n\n');
    expect(textOf([['Report'], ['Region', 'Amount']])).toBe('Report\n\nRegion; Amount\n\n');
    expect(textOf([['Report']])).toBe('Report\n\n');
    expect(textOf([])).toBe('');
  });
});
