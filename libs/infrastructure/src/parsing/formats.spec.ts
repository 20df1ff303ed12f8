import { checkHead, type Format } from './formats.js';

const check = (head: string, format: Format): void => checkHead(Buffer.from(head, 'latin1'), format, undefined);

describe('the first bytes of a file', () => {
  it.each<[string, string, Format]>([
    ['a text that tells of a PDF', '# Formats\n\nA file begins with %PDF-1.7.', 'markdown'],
    ['a PDF', '%PDF-1.7\n', 'pdf'],
    ['a PDF after something else', '\r\nx %PDF-1.7\n', 'pdf'],
  ])('are those of %s', (_, head, format) => {
    expect(() => check(head, format)).not.toThrow();
  });

  it.each<[string, string, Format]>([
    ['a PDF as text', '%PDF-1.7\n', 'text'],
    ['a PDF as a Word document', '%PDF-1.7\n', 'docx'],
    ['text as a PDF', 'A kettle.', 'pdf'],
    ['a PDF too far behind', `${' '.repeat(1_024)}%PDF-1.7\n`, 'pdf'],
  ])('refuse %s', (_, head, format) => {
    expect(() => check(head, format)).toThrow('The content of the file is not of the type that was declared');
  });
});
