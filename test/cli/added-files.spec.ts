import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exitCodes } from '#cli/exit-codes.js';
import { docx, pdf, pptx, wordParagraph, xlsx } from '#test/support/files.js';
import { Cli, embedded } from './support.js';

embedded('documents add', () => {
  let cli: Cli;
  beforeAll(async () => (cli = await Cli.open()));
  afterAll(() => cli.close());

  it('ingests files of every format of a folder, and tells what it skipped', async () => {
    const folder = join(cli.folder, 'reports');
    const files = {
      'kettle.html': '<p>The kettle is green.</p>',
      'kettle.csv': 'thing,colour\nkettle,green\n',
      'kettle.pdf': pdf(['The kettle is green.']),
      'kettle.docx': docx(wordParagraph('The kettle is green.')),
      'kettle.xlsx': xlsx([['kettle', 'green']]),
      'kettle.pptx': pptx([['Kettle', 'It is green.']]),
      'kettle.png': 'x',
      '.git/kettle.txt': 'The kettle is green.',
    };
    await mkdir(join(folder, '.git'), { recursive: true });
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
    const lines = join(cli.folder, 'odd.jsonl');
    await writeFile(lines, '{"id": "nul", "text": "x", "metadata": {"k\\u0000": 1}}\n');

    const { code, items } = await cli.run('documents', 'add', folder, lines, '--corpus', 'c9', '--json');
    expect(code).toBe(exitCodes.failed);
    expect(items).toMatchObject([
      {
        submitted: 6,
        succeeded: 6,
        failed: 1,
        failures: [{ origin: `${lines}:1`, reason: expect.stringContaining('REQUEST_VALIDATION_ERROR') }],
        skipped: [
          { origin: join(folder, '.git'), reason: 'hidden' },
          { origin: join(folder, 'kettle.png'), reason: '.png is not read' },
        ],
      },
    ]);
  });
});
