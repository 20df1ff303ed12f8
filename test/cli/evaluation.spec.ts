import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exitCodes } from '#cli/exit-codes.js';
import { openWireRerank, type WireRerank } from '#test/support/wire-rerank.js';
import { Cli, embedded } from './support.js';

const texts = { d1: 'The kettle boils water.', d2: 'A pot simmers soup for hours.', d3: 'The kettle is green.' };
type Texts = Readonly<Record<string, string>>;

embedded('the measurement of retrieval', () => {
  let cli: Cli;
  let rerank: WireRerank;

  beforeAll(async () => {
    rerank = await openWireRerank();
    cli = await Cli.open({ RERANK_ALLOWED_ORIGINS: new URL(rerank.url).origin });
    await cli.start();
  });
  afterAll(async () => {
    await cli.close();
    await rerank.wire.close();
  });

  async function folderOf(name: string, documents: Texts = texts): Promise<string> {
    const folder = join(cli.folder, name);
    await mkdir(folder, { recursive: true });
    const lines = Object.entries(documents).map(([_id, text]) => JSON.stringify({ _id, text }));
    await writeFile(join(folder, 'corpus.jsonl'), lines.join('\n'));
    await writeFile(join(folder, 'queries.jsonl'), '{"_id": 1, "text": "soup pot"}\n{"_id": 2, "text": "unjudged"}\n');
    await writeFile(join(folder, 'qrels.txt'), '1 0 d2 1\n');
    return folder;
  }
  async function figuresOf(folder: string, ...options: readonly string[]): Promise<Record<string, unknown>> {
    const { code, err, items } = await cli.run('eval', folder, '--json', ...options);
    expect(code === exitCodes.ok ? '' : err).toBe('');
    return items[0] ?? {};
  }

  it('reads judgements of TREC, and asks only the judged queries', async () => {
    expect(await figuresOf(await folderOf('trec'))).toMatchObject({ documents: 3, ingested: 3, queries: 1, ndcg10: 1 });
  });

  it('holds collections whose documents have the same ids beside each other', async () => {
    const first = await figuresOf(await folderOf('one'));
    expect(first).toMatchObject({ corpus: 'eval-one', documents: 3, ingested: 3, queries: 1, ndcg10: 1, recall10: 1 });
    const other = { d1: 'A pot of soup.', d2: 'Pot and soup, soup and pot.' };
    expect(await figuresOf(await folderOf('two', other))).toMatchObject({ documents: 2, ingested: 2, recall10: 1 });
    expect(await figuresOf(join(cli.folder, 'one'), '--corpus', 'copy')).toMatchObject({ ingested: 3, ndcg10: 1 });
    const elsewhere = await figuresOf(join(cli.folder, 'one'), '--tenant', 't_other');
    expect(elsewhere).toMatchObject({ ingested: 3, ndcg10: 1 });
  });

  it('asks only the judged queries, with the settings of the corpus', async () => {
    const settled = async (retrieval: object) => {
      const body = { provider_config_json: { retrieval: { provider: 'local_pgvector', ...retrieval } } };
      await cli.client('t1').call('PATCH', '/v1/corpora/eval-settings', body);
      return figuresOf(folder);
    };
    const folder = await folderOf('settings');
    expect(await figuresOf(folder)).toMatchObject({ mrr: 1, degraded: {} });
    rerank.judge = (text) => (text.includes('soup') ? 0.1 : 0.9);
    expect(await settled({ rerank: { url: rerank.url } })).toMatchObject({ mrr: 1 / 3, degraded: {} });
    expect(rerank.asked.map(({ json }) => (json as { readonly query: string }).query)).toEqual(['soup pot']);
    expect(await settled({ rerank: { url: rerank.url }, min_score: 0.5 })).toMatchObject({ recall10: 0 });
    expect(await settled({ rerank: { url: 'https://elsewhere.example' } })).toMatchObject({
      mrr: 1,
      degraded: { rerank_not_allowed: 1 },
    });
  });

  it('gives the same figures again, and brings the corpus in line with a folder that has changed', async () => {
    const folder = await folderOf('again');
    const first = await figuresOf(folder);
    const same = { ndcg10: first['ndcg10'], recall10: first['recall10'], mrr: first['mrr'] };
    expect(await figuresOf(folder)).toMatchObject({ ...same, ingested: 0, changed: 0, removed: 0 });
    await folderOf('again', { d1: 'The kettle boils water.', d2: 'Nothing of that.', d4: 'A pot of soup.' });
    const changed = await figuresOf(folder);
    expect(changed).toMatchObject({ documents: 3, ingested: 2, changed: 1, removed: 1, other_documents: 0 });
    expect(Number(changed['mrr'])).toBeLessThan(1);
    await folderOf('again');
    expect(await figuresOf(folder)).toMatchObject({ ...same, ingested: 2, changed: 1, removed: 1 });
  });

  it('leaves documents alone that came into the corpus another way, and says that they are there', async () => {
    const folder = await folderOf('shared');
    await figuresOf(folder);
    const body = { corpus_id: 'eval-shared', document_id: 'mine', text: 'My own soup.' };
    await cli.client('t1').call('POST', '/v1/documents/text', body);
    expect(await figuresOf(folder)).toMatchObject({ removed: 0, other_documents: 1 });
    const { out } = await cli.run('eval', folder);
    expect(out).toContain('documents of corpus eval-shared that are not of this folder, searched too: 1');
  });

  it('refuses what is no test set as wrong usage, before anything is ingested', async () => {
    const folder = await folderOf('broken', {});
    await writeFile(join(folder, 'corpus.jsonl'), '{"_id": "d1", "text": "one"}\n{"_id": "d2", "te');
    const { code, err } = await cli.run('eval', folder);
    expect(code).toBe(exitCodes.usage);
    expect(err).toContain(`${join(folder, 'corpus.jsonl')}:2: it is not JSON`);
  });
});
