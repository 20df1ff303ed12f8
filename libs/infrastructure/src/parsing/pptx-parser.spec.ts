import { slideParts } from '#test/support/files.js';
import { fileRead } from '#test/support/parsed.js';
import { zipOf } from '#test/support/zip.js';
import { parsePptx } from './pptx-parser.js';

const paragraph = (text: string): string => `<a:p><a:r><a:t>${text}</a:t></a:r></a:p>`;

function table(rows: readonly (readonly string[])[]): string {
  const cell = (text: string): string =>
    `<a:tc><a:txBody>${text.split('\n').map(paragraph).join('')}</a:txBody></a:tc>`;
  const lines = rows.map((row) => `<a:tr>${row.map(cell).join('')}</a:tr>`);
  const graphic = `<a:graphic><a:graphicData><a:tbl>${lines.join('')}</a:tbl></a:graphicData></a:graphic>`;
  return `<p:graphicFrame>${graphic}</p:graphicFrame>`;
}

const title = `<p:sp><p:nvSpPr><p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr><p:txBody>${paragraph('Sales')}</p:txBody></p:sp>`;

describe('the text of a slide', () => {
  it('has the rows of its tables as lines, which are no headings after a title', async () => {
    const rows = table([
      ['Region', 'Amount'],
      ['North', 'ten\nof all'],
      ['', ''],
      ['', '7'],
    ]);
    const bytes = zipOf(slideParts([['Report', 'Of 2026', `${title}${rows}`]]));
    expect(await fileRead(parsePptx, bytes)).toBe(
      '# Report\n\nOf 2026\n# Sales\n\nRegion | Amount\nNorth | ten of all\n| 7\n\n',
    );
  });

  it('has as headings only its titles', async () => {
    const connector = `<p:cxnSp>${paragraph('by hand')}</p:cxnSp>`;
    const bytes = zipOf(slideParts([['Report', 'Of 2026', `${title}${connector}`]]));
    expect(await fileRead(parsePptx, bytes)).toBe('# Report\n\nOf 2026\n# Sales\n\nby hand\n\n');
  });
});
