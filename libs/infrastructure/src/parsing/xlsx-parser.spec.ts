import { sheetParts, xlsx } from '#test/support/files.js';
import { fileRead } from '#test/support/parsed.js';
import { zipOf } from '#test/support/zip.js';
import { parseXlsx } from './xlsx-parser.js';

const sheet = (rows: string): string => `<worksheet><sheetData>${rows}</sheetData></worksheet>`;

describe('the text of a workbook', () => {
  it('has what stands above a header as text of its own', async () => {
    const rows = [['Sales report 2026'], ['Region', 'Amount'], ['North', 10]];
    expect(await fileRead(parseXlsx, xlsx(rows))).toBe('# Stock\n\nSales report 2026\n\nRegion: North; Amount: 10\n\n');
  });

  it('has the header of an empty table', async () => {
    expect(await fileRead(parseXlsx, xlsx([['Region', 'Amount']]))).toBe('# Stock\n\nRegion; Amount\n\n');
  });

  it('has times and durations as they are shown', async () => {
    const formats = '<numFmts><numFmt numFmtId="164" formatCode="[h]:mm"/></numFmts>';
    const styles = [0, 20, 164, 14].map((id) => `<xf numFmtId="${id}"/>`).join('');
    const header = '<row><c t="str"><v>Begin</v></c><c t="str"><v>Lasts</v></c><c t="str"><v>Day</v></c></row>';
    const row = `<row><c s="1"><v>0.333333333333333</v></c><c s="2"><v>1.5</v></c><c s="3"><v>46023</v></c></row>`;
    const bytes = zipOf([
      ...sheetParts([], sheet(header + row)),
      { name: 'xl/styles.xml', data: `<styleSheet>${formats}<cellXfs>${styles}</cellXfs></styleSheet>` },
    ]);
    expect(await fileRead(parseXlsx, bytes)).toBe('# Stock\n\nBegin: 08:00; Lasts: 36:00; Day: 2026-01-01\n\n');
  });

  it('has no phonetic hints', async () => {
    const hint = '<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/>';
    const row = `<row><c t="s"><v>0</v></c><c t="inlineStr"><is>${hint}</is></c></row>`;
    const bytes = zipOf([
      ...sheetParts([], sheet(row)),
      { name: 'xl/sharedStrings.xml', data: `<sst><si>${hint}</si></sst>` },
    ]);
    expect(await fileRead(parseXlsx, bytes)).toBe('# Stock\n\n東京; 東京\n\n');
  });
});
