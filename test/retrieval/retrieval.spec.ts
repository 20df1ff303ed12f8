import { demoCorpusId, demoDocuments, demoQuestion, demoTenantId } from '#cli/seed/demo-documents.js';
import { chunkText } from '#domain/kernel/text/chunker.js';
import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import { evaluate } from '#infra/retrieval/evaluation.js';
import type { Passage } from '#infra/retrieval/passage.js';
import { chunkIdOf } from '#infra/retrieval/version-rows.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { Library, testCipher } from './library.js';

describe('retrieval', () => {
  let test: TestDatabase;
  let library: Library;
  const cipher = testCipher();

  beforeAll(async () => {
    test = await openTestDatabase();
    library = await Library.open(test.database, { cipher });
  });
  afterAll(() => test.drop());

  const find = (
    tenantId: string,
    query: string,
    more: { corpusId?: string; k?: number; documentFilter?: string[]; mayRead?: VisibilityPredicate } = {},
  ) => library.retriever.retrieve({ tenantId, corpusId: 'c', query, k: 5, ...more });
  const counts = async (): Promise<Record<string, number>[]> =>
    test.database.query(
      `select (select count(*)::int from retrieval.version) versions, (select count(*)::int from retrieval.chunk) chunks,
              (select count(*)::int from retrieval.posting_bucket b, unnest(b.terms)) postings, (select count(*)::int from retrieval.version_terms) terms,
              (select count(*)::int from retrieval.space_1) vectors`,
    );

  it('answers the demo question from the section that is about it', async () => {
    for (const { document_id, text, chunks } of demoDocuments) {
      await library.write(demoTenantId, demoCorpusId, document_id, text, { settings: chunks });
      await library.publish(demoTenantId, demoCorpusId, document_id);
    }
    const found = await find(demoTenantId, demoQuestion, { corpusId: demoCorpusId, k: 20 });
    expect(found).toHaveLength(10);
    expect(found[0]?.text).toMatch(/^Release Gates:/u);
    const source = demoDocuments.find(({ document_id }) => document_id === found[0]?.documentId)?.text;
    expect(source?.slice(found[0]?.start, found[0]?.end)).toBe(found[0]?.text);
  });

  it('gives scores from 0 to 1, in order, and low ones to what the corpus does not know', async () => {
    const known = await find(demoTenantId, demoQuestion, { corpusId: demoCorpusId });
    const unknown = await find(demoTenantId, 'football championship winners', { corpusId: demoCorpusId });
    const sound = (passage: Passage, at: number, all: Passage[]): boolean =>
      [passage.score, passage.vectorScore, passage.lexicalScore].every(
        (score) => score !== null && score >= 0 && score <= 1,
      ) && passage.score <= (all[at - 1]?.score ?? 1);
    expect([...known].every(sound) && [...unknown].every(sound)).toBe(true);
    expect(unknown[0]?.score ?? 0).toBeLessThan((known[0]?.score ?? 0) / 2);
  });

  it.each(['', '   ', '¿?!', '🙂', '東京', "'; drop table retrieval.chunk; --"])(
    'takes the query %j as it is',
    async (query) => {
      const found = await find(demoTenantId, query, { corpusId: demoCorpusId });
      expect(found.every(({ score }) => score >= 0 && score < 0.5)).toBe(true);
    },
  );

  it('shows no tenant and no corpus the passages of another', async () => {
    await library.add('alpha', 'c', 'one', 'The secret word is xylophone.');
    await library.add('beta', 'c', 'one', 'Nothing of the kind.');
    expect((await find('beta', 'xylophone')).map(({ text }) => text)).toEqual(['Nothing of the kind.']);
    expect(await find('alpha', 'xylophone', { corpusId: 'other' })).toEqual([]);
    expect(await find('gamma', 'xylophone')).toEqual([]);
  });

  it('searches only the documents of a filter and those that the caller may read', async () => {
    await library.add('filter', 'c', 'a', 'Marble quarries of the north.');
    await library.add('filter', 'c', 'b', 'Marble quarries of the south.');
    const filtered = await find('filter', 'marble', { documentFilter: ['uid-b'] });
    expect(filtered.map(({ documentId }) => documentId)).toEqual(['b']);
    const permitted = await find('filter', 'marble', {
      mayRead: (alias, next) => `${alias}.document_id = ${next('a')}`,
    });
    expect(permitted.map(({ documentId }) => documentId)).toEqual(['a']);
  });

  it('shows a version from the moment the read model names it, and never two at once', async () => {
    await library.write('swap', 'c', 'doc', 'Old wine of Burgundy.', { version: 'v1' });
    expect(await find('swap', 'wine')).toEqual([]);
    await library.publish('swap', 'c', 'doc', 'v1');
    await library.write('swap', 'c', 'doc', 'New wine of Rioja.', { version: 'v2' });
    expect((await find('swap', 'wine')).map(({ text }) => text)).toEqual(['Old wine of Burgundy.']);
    await library.publish('swap', 'c', 'doc', 'v2');
    expect((await find('swap', 'wine')).map(({ text }) => text)).toEqual(['New wine of Rioja.']);
    expect(await library.index.dropVersions('swap', 'uid-doc', 'v2')).toBe(1);
    expect((await find('swap', 'wine')).map(({ text }) => text)).toEqual(['New wine of Rioja.']);
    await test.database.execute(`delete from read.documents_v1 where tenant_id = 'swap'`);
    expect(await find('swap', 'wine')).toEqual([]);
  });

  it('writes the same when a write is repeated, under the same chunk ids', async () => {
    await library.add('again', 'c', 'doc', 'Twice told tales.');
    const [first] = await find('again', 'tales');
    const before = await counts();
    await library.add('again', 'c', 'doc', 'Twice told tales.');
    const [second] = await find('again', 'tales');
    expect(await counts()).toEqual(before);
    expect(second).toEqual(first);
    expect(first?.chunkId).toBe(chunkIdOf('uid-doc', 'v1', 0));
  });

  it('leaves nothing of a dropped document', async () => {
    const before = await counts();
    await library.add('drop', 'c', 'doc', 'Short lived.\n\nBut seen.');
    await library.write('drop', 'c', 'doc', 'Second life.', { version: 'v2' });
    expect(await library.index.dropVersions('drop', 'uid-doc')).toBe(2);
    expect(await counts()).toEqual(before);
  });

  it('sweeps versions that nobody claims, and only when they are old enough', async () => {
    await library.write('sweep', 'c', 'orphan', 'Lost and never found.');
    const unclaimed = async (versions: readonly { tenantId: string }[]): Promise<boolean[]> =>
      versions.map(({ tenantId }) => tenantId !== 'sweep');
    expect(await library.index.sweep(unclaimed)).toBe(0);
    expect(await library.index.sweep(unclaimed, 0)).toBe(1);
    expect(await library.index.sweep(unclaimed, 0)).toBe(0);
  });

  it('stores no word in clear', async () => {
    await library.add('sealed', 'c', 'doc', 'Quetzalcoatl Quetzalcoatl');
    const rows = await test.database.query<{ row: string }>(
      `select p::text as row from retrieval.posting_bucket p union all select encode(body, 'escape') from retrieval.chunk
       union all select v::text from retrieval.version v`,
    );
    expect(rows.filter(({ row }) => /quetzal/iu.test(row))).toEqual([]);
    expect((await find('sealed', 'quetzalcoatl'))[0]?.lexicalScore).toBe(1);
  });

  it('gives no passage whose key is gone', async () => {
    const forgetful = await Library.open(test.database, {
      cipher: { encrypt: async (_tenant, _document, bytes) => bytes, decrypt: async () => undefined },
    });
    await forgetful.add('erased', 'c', 'doc', 'Forgotten words.');
    expect(await forgetful.retriever.retrieve({ tenantId: 'erased', corpusId: 'c', query: 'words', k: 5 })).toEqual([]);
  });

  it('counts the weight of words over what the caller may see', async () => {
    await library.add('idf', 'c', 'a', 'common rare');
    for (const id of ['b', 'c', 'd']) await library.add('idf', 'c', id, `common word ${id}`);
    const [best] = await find('idf', 'common rare');
    expect(best?.documentId).toBe('a');
    const [alone] = await find('idf', 'rare', { documentFilter: ['uid-b'] });
    expect(alone?.lexicalScore).toBe(0);
  });

  it('refuses vectors that are not finite', async () => {
    class Broken extends HashingEmbedder {
      override async embed(texts: readonly string[]): Promise<Float32Array[]> {
        return texts.map(() => new Float32Array(this.dimension).fill(Number.NaN));
      }
    }
    const broken = await Library.open(test.database, { embedder: new Broken() });
    await expect(broken.add('nan', 'c', 'doc', 'text')).rejects.toThrow('not finite');
  });

  it('finds as much through the approximate index as without it', async () => {
    const topics = ['harbour', 'orchard', 'railway', 'glacier', 'library'];
    for (let at = 0; at < 60; at++) {
      const topic = topics[at % topics.length] ?? '';
      await library.add('large', 'c', `d${at}`, `The ${topic} number ${at} was visited by ${at * 7} people.`);
    }
    const near = await Library.open(test.database, { cipher, tuning: { exactUpTo: 0 }, buildFrom: 60 });
    expect(await near.indexes.ensure()).toHaveLength(1);
    expect(await near.indexes.ensure()).toEqual([]);
    const set = {
      queries: topics.map((topic) => ({ id: topic, text: `visited ${topic}` })),
      qrels: new Map(
        topics.map((topic, at) => [topic, new Map(Array.from({ length: 12 }, (_, n) => [`d${n * 5 + at}`, 1]))]),
      ),
    };
    const measure = (searched: Library) =>
      evaluate(set, ({ text: query }) =>
        searched.retriever.retrieve({ tenantId: 'large', corpusId: 'c', query, k: 20 }),
      );
    const exact = await measure(library);
    expect(exact.ndcg10).toBe(1);
    expect(await measure(near)).toEqual(exact);
    const few = { tenantId: 'large', corpusId: 'c', query: 'visited', k: 20, documentFilter: ['uid-d3', 'uid-d4'] };
    expect(await near.retriever.retrieve(few)).toHaveLength(2);
  });

  it('keeps spans through overlapping windows', async () => {
    const text = Array.from({ length: 300 }, (_, at) => `word${at}`).join(' ');
    await library.write('spans', 'c', 'doc', text, { settings: { size: 400, overlap: 80 } });
    await library.publish('spans', 'c', 'doc');
    const found = await find('spans', 'word150', { k: 50 });
    expect(found).toHaveLength(chunkText(text, { size: 400, overlap: 80 }).length);
    for (const { start, end, text: passage } of found) expect(text.slice(start, end)).toBe(passage);
  });

  it('holds a document of many chunks that all have the same word', async () => {
    const text = Array.from({ length: 1500 }, (_, at) => `turnip number ${at}`).join('\n\n');
    await library.write('many', 'c', 'doc', text, { settings: { size: 20, overlap: 0 } });
    await library.publish('many', 'c', 'doc');
    const found = await find('many', 'turnip 1234', { k: 3 });
    expect(found[0]?.text).toBe('turnip number 1234');
    expect(await library.index.dropVersions('many', 'uid-doc')).toBe(1);
  });
});
