import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readTestSet, testDocuments } from './test-set.js';

const corpus = '{"_id": "d1", "title": "T", "text": "one"}\n{"_id": "d2", "text": "two"}\n';
const queries = '{"_id": "q1", "text": "first"}\n{"_id": "q2", "text": "second"}\n';
const qrels = 'query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n';

describe('a test set', () => {
  const folders: string[] = [];
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

  async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'nexusrag-set-'));
    folders.push(folder);
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    return folder;
  }
  const ofLayout = async (files: Readonly<Record<string, string | Uint8Array>>) =>
    readTestSet(await folderOf({ 'corpus.jsonl': corpus, 'queries.jsonl': queries, ...files }));
  const refusal = async (files: Readonly<Record<string, string | Uint8Array>>): Promise<string> => {
    const error: unknown = await ofLayout(files).catch((thrown: unknown) => thrown);
    return error instanceof Error ? error.message.replace(/^.*\/(?=[a-z.]+:)/, '') : 'nothing was refused';
  };
  const graded = (set: Awaited<ReturnType<typeof readTestSet>>) =>
    [...set.qrels].flatMap(([query, grades]) => [...grades].map(([document, grade]) => [query, document, grade]));

  it('keeps the judged queries only, and no text of a document', async () => {
    const set = await ofLayout({ 'qrels.tsv': qrels });
    expect(set.queries).toEqual([{ id: 'q1', text: 'first' }]);
    expect([...set.documentIds]).toEqual(['d1', 'd2']);
    expect(graded(set)).toEqual([
      ['q1', 'd1', 2],
      ['q1', 'd2', 0],
    ]);
    expect(set).toMatchObject({ empty: 0, absent: { judgements: 0, queries: 0 } });
  });

  it.each([
    ['BEIR without a line of names', 'q1\td1\t1\nq2\td2\t-1\n'],
    ['BEIR between spaces, after a line of names', 'query-id corpus-id score\nq1 d1 1\nq2  d2 -1'],
    ['TREC between spaces', 'q1 0 d1 1\nq2 0 d2 -1\n'],
    ['TREC between tabs', 'q1\tQ0\td1\t1\r\n\r\nq2\tQ0\td2\t-1\r\n'],
    ['a byte order mark before it', '\ufeffq1\td1\t1\nq2\td2\t-1\n'],
  ])('reads judgements of %s', async (_, text) => {
    const set = await ofLayout({ 'qrels.txt': text });
    expect(graded(set)).toEqual([
      ['q1', 'd1', 1],
      ['q2', 'd2', -1],
    ]);
    expect(set.queries.map(({ id }) => id)).toEqual(['q1']);
  });

  it('keeps ids with spaces where tabs part the columns', async () => {
    const set = await ofLayout({ 'corpus.jsonl': '{"id": "a b", "text": "x"}', 'qrels.tsv': 'q1\ta b\t1\n' });
    expect(graded(set)).toEqual([['q1', 'a b', 1]]);
  });

  it.each([
    ['_id and text', '{"_id": "7", "title": "T", "text": "words"}'],
    ['numbers as ids, and contents', '{"id": 7, "title": "T", "contents": "words"}'],
    ['doc_id and body', '{"doc_id": "7", "title": "T", "body": "words"}'],
    ['docid', '{"docid": 7, "title": "T", "text": "words", "more": [1]}'],
    ['a byte order mark, and carriage returns', '\ufeff\r\n{"_id": "7", "title": "T", "text": "words"}\r\n\r\n'],
  ])('reads documents with %s', async (_, text) => {
    const folder = await folderOf({ 'corpus.jsonl': text });
    const documents: object[] = [];
    for await (const document of testDocuments(join(folder, 'corpus.jsonl'))) documents.push(document);
    expect(documents).toEqual([{ id: '7', title: 'T', text: 'words', line: expect.any(Number) }]);
  });

  it('reads packed files', async () => {
    const folder = await folderOf({
      'corpus.jsonl.gz': gzipSync(corpus),
      'queries.jsonl.gz': gzipSync(queries),
      'qrels/test.tsv.gz': gzipSync(qrels),
    });
    const set = await readTestSet(folder);
    expect(set.documentIds.size).toBe(2);
    expect(set.queries).toHaveLength(1);
    const cut = gzipSync(corpus).subarray(0, 30);
    const files = { 'corpus.jsonl.gz': cut, 'queries.jsonl': queries, 'qrels.tsv': qrels };
    await expect(readTestSet(await folderOf(files))).rejects.toThrow(/corpus\.jsonl\.gz: .*unexpected end of file/);
  });

  it('takes the test split, else dev, else train, unless another is asked for', async () => {
    const files: Record<string, string> = { 'corpus.jsonl': corpus, 'queries.jsonl': queries };
    for (const split of ['train', 'dev', 'test']) {
      files[`qrels/${split}.tsv`] = qrels;
      expect((await readTestSet(await folderOf(files))).judgements).toContain(`${split}.tsv`);
    }
    const folder = await folderOf(files);
    expect((await readTestSet(folder, 'train')).judgements).toContain('train.tsv');
    await expect(readTestSet(folder, 'other')).rejects.toThrow(/has no qrels\/other\.tsv, qrels\/other\.txt/);
  });

  it('counts what judgements name and no file holds, and documents without a word', async () => {
    const set = await ofLayout({
      'corpus.jsonl': `${corpus}{"_id": "d3", "text": " "}\n{"_id": "d4", "title": "T", "text": null}\n`,
      'qrels.tsv': 'q1\td1\t1\nq1\tgone\t1\nq9\td1\t1\n',
    });
    expect(set).toMatchObject({ empty: 1, absent: { judgements: 1, queries: 1 } });
  });

  it.each([
    ['a line that is cut', { 'corpus.jsonl': `${corpus}{"_id": "d3", "te` }, 'corpus.jsonl:3: it is not JSON: '],
    ['a list', { 'corpus.jsonl': '[]\n' }, 'corpus.jsonl:1: it is not a JSON object'],
    ['no id', { 'corpus.jsonl': '{"key": "d1", "text": "x"}\n' }, 'corpus.jsonl:1: it has no id'],
    [
      'an id that lost digits',
      { 'corpus.jsonl': '{"id": 12345678901234567890, "text": ""}' },
      'corpus.jsonl:1: it has no',
    ],
    ['no text', { 'corpus.jsonl': '{"_id": "d1", "passage": "x"}\n' }, 'corpus.jsonl:1: it has no text'],
    ['an id twice', { 'corpus.jsonl': `\n${corpus}${corpus}` }, 'corpus.jsonl:4: the id d1 is there twice'],
    ['a query twice', { 'queries.jsonl': queries + queries }, 'queries.jsonl:3: the id q1 is there twice'],
    ['a judged query without a word', { 'queries.jsonl': '{"_id": "q1", "text": ""}' }, 'queries.jsonl:1: query q1 is'],
    ['a run in place of judgements', { 'qrels.tsv': 'q1 Q0 d1 1 9.5 bm25\n' }, 'qrels.tsv:1: it has 6 columns'],
    ['no grade', { 'qrels.tsv': `${qrels}q1\td2\tx\n` }, 'qrels.tsv:4: x is not a grade'],
    ['two grades', { 'qrels.tsv': `${qrels}q1\td2\t1\n` }, 'qrels.tsv:4: query q1 and document d2 have another grade'],
    ['nothing relevant', { 'qrels.tsv': 'q1\td1\t0\n' }, 'qrels.tsv: no judgement above 0 is of a query of '],
    ['judgements of other documents', { 'qrels.tsv': 'q1\tx\t1\n' }, 'qrels.tsv: no judgement names a document of '],
  ])('refuses %s, and says where', async (_, files, message) => {
    expect(await refusal({ 'qrels.tsv': qrels, ...files })).toContain(message);
  });
});
