import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linesOf } from './line-file.js';

describe('the lines of a file', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'nexusrag-lines-'))));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function linesIn(content: string): Promise<unknown[]> {
    const path = join(folder, 'file.jsonl');
    await writeFile(path, content);
    const lines: unknown[] = [];
    for await (const { number, text } of linesOf(path)) lines.push([number, text]);
    return lines;
  }

  it('are numbered, without the blank ones, the line ends and the byte order mark', async () => {
    expect(await linesIn('\ufeffone\r\n\r\n \n four\nfive')).toEqual([
      [1, 'one'],
      [4, ' four'],
      [5, 'five'],
    ]);
    expect(await linesIn('\n')).toEqual([]);
  });

  it('end with a line feed only: a text in JSON may hold other separators', async () => {
    expect(await linesIn('a\u2028b\u2029c\u0085d\re\nf')).toEqual([
      [1, 'a\u2028b\u2029c\u0085d\re'],
      [2, 'f'],
    ]);
  });

  it('are whole wherever the file is cut into pieces', async () => {
    const long = '€'.repeat(300_000);
    expect(await linesIn(`${long}\n${long}\n`)).toEqual([
      [1, long],
      [2, long],
    ]);
  });
});
