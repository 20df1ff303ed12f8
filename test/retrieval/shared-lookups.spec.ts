import { jest } from '@jest/globals';
import { Retriever } from '#infra/retrieval/retriever.js';
import { VectorIndexes } from '#infra/retrieval/vector-indexes.js';
import type { RetrievalQuery } from '#infra/retrieval/passage.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { Library } from './library.js';

const words = 'harbour granite lantern orchard violin glacier saffron compass meadow turbine cobalt heron'.split(' ');

/** Some text about two or three of the words, so that each question has several answers. */
const textOf = (at: number): string =>
  Array.from(
    { length: 4 },
    (_, n) => `The ${words[(at * (n + 1)) % 12]} of document ${at} is ${words[(at + n) % 12]}.`,
  ).join(' ');

describe('searches of one time', () => {
  let test: TestDatabase;
  let library: Library;
  let retriever: Retriever;

  beforeAll(async () => {
    test = await openTestDatabase();
    library = await Library.open(test.database);
    for (const tenant of ['acme', 'globex'])
      for (let at = 0; at < 30; at += 1) await library.add(tenant, 'c', `${tenant}-${at}`, textOf(at));
    retriever = newRetriever();
    for (const tenantId of ['acme', 'globex']) await retriever.retrieve(queryOf(tenantId, 'harbour'));
  });
  afterAll(() => test.drop());

  const queryOf = (tenantId: string, query: string, more: Partial<RetrievalQuery> = {}): RetrievalQuery => ({
    ...{ tenantId, corpusId: 'c', query, k: 5 },
    ...more,
  });
  const questions = [
    ...words.map((word, at) => `${word} of the ${words[(at + 5) % 12]}`),
    ...['', '¿?!', 'harbour harbour harbour', 'nothing that anybody wrote'],
  ];

  const newRetriever = (): Retriever =>
    new Retriever({
      ...library.parts,
      documents: { name: 'read.documents_v1' },
      indexes: new VectorIndexes(test.database),
    });

  /** By a retriever that knows no corpus yet, and so asks by itself. */
  const alone = (query: RetrievalQuery) => newRetriever().search(query);

  it('give each the answer that it has alone, in two statements for all', async () => {
    const asked = questions.map((question) => queryOf('acme', question));
    const sent = jest.spyOn(test.database, 'queryPrepared');
    const result = await Promise.all(asked.map((query) => retriever.search(query)));
    expect(sent).toHaveBeenCalledTimes(2);
    sent.mockRestore();
    for (const [at, query] of asked.entries()) expect(result[at]).toEqual(await alone(query));
    expect(new Set(result.map(({ passages }) => passages[0]?.documentId)).size).toBeGreaterThan(3);
  });

  it('never mix tenants, callers, or how much is asked for', async () => {
    const mayRead =
      (own: string): RetrievalQuery['mayRead'] =>
      (alias, next) =>
        `${alias}.document_id = ${next(own)}`;
    const asked = questions
      .slice(0, 4)
      .flatMap((question) => [
        queryOf('acme', question),
        queryOf('globex', question),
        queryOf('acme', question, { k: 12 }),
        queryOf('acme', question, { mayRead: mayRead('acme-3') }),
        queryOf('acme', question, { mayRead: mayRead('acme-4') }),
        queryOf('acme', question, { documentFilter: ['uid-acme-5', 'uid-acme-6'] }),
      ]);
    const found = await Promise.all(asked.map((query) => retriever.search(query)));
    for (const [at, query] of asked.entries()) expect(found[at]).toEqual(await alone(query));
    const documents = (kind: number): Set<string> =>
      new Set(
        found.filter((_, at) => at % 6 === kind).flatMap(({ candidates }) => candidates.map((one) => one.documentId)),
      );
    expect([...documents(1)].every((id) => id.startsWith('globex'))).toBe(true);
    expect([documents(3), documents(4), documents(5)]).toEqual([
      new Set(['acme-3']),
      new Set(['acme-4']),
      new Set(['acme-5', 'acme-6']),
    ]);
  });

  it('see the transaction of nobody but their own', async () => {
    await library.write('acme', 'c', 'rolled-back', 'The harbour of a document that never was.');
    const asked = queryOf('acme', 'harbour that never was', { k: 20 });
    const documents = async (): Promise<string[]> =>
      (await retriever.search(asked)).candidates.map(({ documentId }) => documentId);
    const rollback = new Error('rolled back');
    const inside = test.database.transaction(async () => {
      await library.publish('acme', 'c', 'rolled-back');
      expect(await documents()).toContain('rolled-back');
      throw rollback;
    });
    const [, outside] = await Promise.all([expect(inside).rejects.toBe(rollback), documents()]);
    expect(outside).not.toContain('rolled-back');
  });

  it('all fail when their statement fails, and the next succeed', async () => {
    const asked = questions.slice(0, 5).map((question) => queryOf('acme', question));
    await test.database.execute('alter table retrieval.posting_bucket rename to away');
    const lost = await Promise.allSettled(asked.map((query) => retriever.search(query)));
    await test.database.execute('alter table retrieval.away rename to posting_bucket');
    expect(lost.map(({ status }) => status)).toEqual(asked.map(() => 'rejected'));
    const found = await Promise.all(asked.map((query) => retriever.search(query)));
    expect(found.every(({ passages }) => passages.length === 5)).toBe(true);
  });
});
