import { docx, wordParagraph } from '#test/support/files.js';
import { fileRead } from '#test/support/parsed.js';
import { parseDocx } from './docx-parser.js';

describe('the text of a Word document', () => {
  it('keeps apart the paragraphs of a cell', async () => {
    const cell = (...texts: string[]): string => `<w:tc>${texts.map((text) => wordParagraph(text)).join('')}</w:tc>`;
    const row = `<w:tr>${cell('Kettle')}${cell('Check weekly', 'Replace yearly')}</w:tr>`;
    expect(await fileRead(parseDocx, docx(`<w:tbl>${row}</w:tbl>`))).toBe('Kettle | Check weekly Replace yearly');
  });
});
