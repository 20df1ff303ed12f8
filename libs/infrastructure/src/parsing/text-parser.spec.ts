import { textRead } from '#test/support/parsed.js';
import { parseCsv } from './csv-parser.js';
import { parseHtml } from './html-parser.js';
import { parseJsonText, parseText } from './text-parser.js';

const latin = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('a text whose charset nothing tells', () => {
  it.each([
    ['UTF-8', Buffer.from('“café” 東京'), '“café” 東京'],
    ['windows-1252 where it is no UTF-8', latin('\x93caf\xe9\x94 \x80 5'), '“café” € 5'],
    [
      'UTF-8 where a few bytes of it are damaged',
      Buffer.concat([Buffer.from('“café” '), latin('\xe9.')]),
      '“café” \ufffd.',
    ],
    ['windows-1252 where only its end is no ASCII', latin(`${'x'.repeat(2_000_000)}\xe9`), `${'x'.repeat(2_000_000)}é`],
    ['UTF-16 where it has a mark', Buffer.from('\ufeffcafé', 'utf16le'), 'café'],
  ])('is read as %s', async (_, bytes, text) => {
    expect((await textRead(parseText, bytes)) === text).toBe(true);
  });

  it('is read alike in every format', async () => {
    expect(await textRead(parseJsonText, latin('{"text": "caf\xe9"}'))).toBe('café');
    expect(await textRead(parseHtml, latin('<p>caf\xe9</p>'))).toBe('café');
    expect(await textRead(parseCsv, latin('Thing;Place\ncup;caf\xe9'))).toBe('Thing: cup; Place: café\n\n');
  });

  it('is no other than what is told', async () => {
    expect(await textRead(parseText, latin('caf\xe9'), 'utf-8')).toBe('caf\ufffd');
    expect(await textRead(parseText, latin('\xb0\xb1'), 'iso-8859-5')).toBe('АБ');
  });
});
