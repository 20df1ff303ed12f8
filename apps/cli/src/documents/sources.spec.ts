import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from '../operations/operation.js';
import { countDocuments, filesOf, readDocuments, type SourceDocument, type Unreadable } from './sources.js';

describe('the documents of files and folders', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'nexusrag-sources-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
  };
  const read = async (...paths: readonly string[]): Promise<readonly (SourceDocument | Unreadable)[]> => {
    const documents: (SourceDocument | Unreadable)[] = [];
    for await (const document of readDocuments((await filesOf(paths)).files)) documents.push(document);
    return documents;
  };
  const namesIn = async (...paths: readonly string[]): Promise<readonly string[]> =>
    (await filesOf(paths)).files.map(({ name }) => name);

  it('are of every format that is read, with its media type', async () => {
    const names = ['a.txt', 'b.md', 'c.json', 'd.HTML', 'e.htm', 'f.csv', 'g.pdf', 'h.docx', 'i.xlsx', 'j.pptx'];
    await put(Object.fromEntries(names.map((name) => [name, 'x'])));
    const office = 'application/vnd.openxmlformats-officedocument';
    expect((await read(folder)).map((document) => 'contentType' in document && document.contentType)).toEqual([
      'text/plain',
      'text/markdown',
      'application/json',
      'text/html',
      'text/html',
      'text/csv',
      'application/pdf',
      `${office}.wordprocessingml.document`,
      `${office}.spreadsheetml.sheet`,
      `${office}.presentationml.presentation`,
    ]);
  });

  it('are not what a folder hides, installs or links to, nor what nobody reads, and each is told of', async () => {
    await put({
      'notes/a.md': 'x',
      'notes/photo.PNG': 'x',
      'notes/LICENSE': 'x',
      'notes/.secret.md': 'x',
      '.git/COMMIT.txt': 'x',
      'b/.hidden/c/h.md': 'x',
      'b/node_modules/x/README.md': 'x',
    });
    await symlink(join(folder, 'notes/a.md'), join(folder, 'link.md'));
    const { files, skipped } = await filesOf([folder]);
    expect(files.map(({ name }) => name)).toEqual(['notes/a.md']);
    expect(Object.fromEntries(skipped.map(({ origin, reason }) => [origin.slice(folder.length + 1), reason]))).toEqual({
      '.git': 'hidden',
      'b/.hidden': 'hidden',
      'b/node_modules': 'installed packages',
      'link.md': 'a link',
      'notes/.secret.md': 'hidden',
      'notes/LICENSE': 'files without an extension are not read',
      'notes/photo.PNG': '.png is not read',
    });
  });

  it('are those that are hidden or installed when they are named', async () => {
    await put({ '.hidden/h.md': 'x', '.secret.md': 'x', 'node_modules/x/README.md': 'x' });
    const named = ['.hidden', '.secret.md', 'node_modules'].map((name) => join(folder, name));
    expect(await namesIn(...named)).toEqual(['h.md', '.secret.md', 'x/README.md']);
  });

  it('are refused when a file that nobody reads, or nothing, is named', async () => {
    await put({ 'photo.png': 'x' });
    await expect(filesOf([join(folder, 'photo.png')])).rejects.toThrow(/photo\.png is none of \.txt, .*\.pdf/);
    await expect(filesOf([join(folder, 'nowhere.md')])).rejects.toThrow(UsageError);
  });

  it('stand one a line in JSON lines, after a byte order mark too', async () => {
    const line = JSON.stringify({ _id: 'a', title: 'Kettle', text: 'It is green.', metadata: { year: 1990 } });
    await put({ 'x.jsonl': `\ufeff${line}\r\n\n{"id": 7, "text": "y", "metadata": null}\n` });
    const { files } = await filesOf([folder]);
    expect(await countDocuments(files)).toBe(2);
    expect(await read(folder)).toMatchObject([
      { documentId: 'a', metadata: { title: 'Kettle', year: 1990 } },
      { documentId: '7', text: 'y', metadata: {} },
    ]);
  });

  it.each([
    ['{"id": "a", "text": "x", "metadata": "str"}', 'the metadata of the line is no JSON object'],
    ['{"id": "a", "text": "x", "metadata": [1]}', 'the metadata of the line is no JSON object'],
    ['{"id": "a"}', 'the line has no text'],
    ['{"text": "x"}', 'the line has no id'],
    ['null', 'the line is no JSON object'],
    ['{"id": ', 'the line is not JSON'],
  ])('are told of with file and line where a line is wrong: %s', async (line, problem) => {
    await put({ 'x.jsonl': `{"id": "b", "text": "y"}\n${line}\n` });
    const path = join(folder, 'x.jsonl');
    expect((await read(folder))[1]).toEqual({ origin: `${path}:2`, problem });
  });
});
