import fc from 'fast-check';
import { textRead } from '#test/support/parsed.js';
import { parseCsv } from './csv-parser.js';
import { CsvRecords } from './csv-records.js';

const read = (csv: string): Promise<string> => textRead(parseCsv, csv);

describe('the text of a table', () => {
  it.each([
    [
      'semicolons, with a comma in quotes',
      '"Name, Vorname";Ort\n"Ames, Ida";Bonn',
      'Name, Vorname: Ames, Ida; Ort: Bonn',
    ],
    [
      'commas, with a semicolon in quotes',
      '"Name; Vorname",Ort\n"Ames; Ida",Bonn',
      'Name; Vorname: Ames; Ida; Ort: Bonn',
    ],
    ['semicolons and decimal commas', 'Thing;Price\nkettle;3,50', 'Thing: kettle; Price: 3,50'],
    ['semicolons below a title', 'Prices, 2026\nThing;Price\nkettle;3', 'Prices, 2026\n\nThing: kettle; Price: 3'],
    ['tabs', 'Thing\tPrice\r\nkettle\t3', 'Thing: kettle; Price: 3'],
    ['a line for Excel', 'sep=|\r\nThing|Price\r\nkettle|3', 'Thing: kettle; Price: 3'],
    ['one column', 'Thing\nkettle\n\nsamovar', 'Thing: kettle\n\nThing: samovar'],
  ])('is read with %s', async (_, csv, text) => {
    expect(await read(csv)).toBe(`${text}\n\n`);
  });

  it.each([
    ['opens a field and is never closed', 'Thing,Size\nTV,"55 inch\nkettle,"1 l"\ncup,2', 'TV; Size: "55 inch'],
    ['opens the last field', 'Thing,Size\nkettle,"1 l"\nTV,"55 inch', 'TV; Size: "55 inch'],
    ['stands inside a field', 'Thing,Size\nTV,55" inch\nkettle,"1 l"', 'TV; Size: 55" inch'],
    ['stands inside quotes', 'Thing,Size\nTV,"55 "inch" wide"\nkettle,"1 l"', 'TV; Size: 55 "inch" wide'],
  ])('keeps a quote that %s', async (_, csv, text) => {
    const rows = (await read(csv)).trim().split('\n\n');
    expect(rows).toContain(`Thing: ${text}`);
    expect(rows).toContain('Thing: kettle; Size: 1 l');
  });

  it('is refused where a row is too long', async () => {
    await expect(read(`a,b\n"${'x'.repeat(2 * 1024 * 1024)}`)).rejects.toMatchObject({ row: { code: 'FILE_BROKEN' } });
  });

  it('is read in time where no quote is closed', async () => {
    const rows = await read(`a,b\n${'"x y,1\n'.repeat(50_000)}`);
    expect(rows.slice(-20)).toBe('a: "x y; b: 1\n\n'.repeat(2).slice(-20));
    const fields = [...new CsvRecords(',').push(`"${'"",'.repeat(200_000)},"x`, true)];
    expect(fields[0]).toHaveLength(200_002);
  });
});

describe('records', () => {
  const field = fc.string({ unit: fc.constantFrom(...'ab ",;\r\n') });
  const row = fc.array(field, { minLength: 2, maxLength: 4 });

  it('are what was written, however their text comes in', () => {
    fc.assert(
      fc.property(fc.array(row), fc.constantFrom('\n', '\r\n'), fc.integer({ min: 1, max: 9 }), (rows, end, size) => {
        const quoted = (value: string): string => `"${value.replaceAll('"', '""')}"`;
        const text = rows.map((values) => values.map(quoted).join(',') + end).join('');
        const records = new CsvRecords(',');
        const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'gu')) ?? [];
        const read = [...pieces.flatMap((piece) => [...records.push(piece, false)]), ...records.push('', true)];
        expect(read).toEqual(rows);
      }),
    );
  });
});
