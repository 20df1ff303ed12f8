import { chunkText, type Chunk } from '#domain/kernel/text/chunker.js';
import { ChunkSpool } from '#infra/ingestion/chunk-spool.js';
import { PART_CHUNKS } from '#infra/retrieval/large-version.js';
import { openingOf } from '#infra/retrieval/retrieval-index.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { Library } from './library.js';

const text = Array.from(
  { length: 700 },
  (_, at) => `Paragraph ${at} says that the kettle number ${at} is ${at % 7 === 0 ? 'green' : 'blue'}.`,
).join('\n\n');
const chunks = chunkText(text, { size: 80, overlap: 0 });
const version = (corpusId: string, versionId = 'v1') => ({
  tenantId: 't',
  corpusId,
  documentId: `uid-${corpusId}`,
  versionId,
});

function* parts(all: readonly Chunk[]): Generator<readonly Chunk[]> {
  for (let at = 0; at < all.length; at += PART_CHUNKS) yield all.slice(at, at + PART_CHUNKS);
}

describe('a version that is written part by part', () => {
  let test: TestDatabase;
  let library: Library;
  beforeEach(async () => {
    test = await openTestDatabase();
    library = await Library.open(test.database);
  });
  afterEach(() => test.drop());

  const given = (onWritten: (done: number) => Promise<void> = async () => undefined) => ({
    parts: () => parts(chunks),
    context: openingOf(text),
    signal: new AbortController().signal,
    onWritten,
  });
  const count = async (relation: string): Promise<number | undefined> =>
    (await test.database.query<{ n: number }>(`select count(*)::int as n from ${relation}`))[0]?.n;
  const found = async (corpusId: string, query: string) =>
    (await library.retriever.retrieve({ tenantId: 't', corpusId, query, k: 8 })).map((passage) => ({
      ...{ text: passage.text, score: passage.score.toFixed(6), lexical: passage.lexicalScore?.toFixed(6) },
    }));

  it('is found as if it had been written at once', async () => {
    const once = await library.index.write(version('once'), chunks, { context: openingOf(text) });
    const done: number[] = [];
    const large = await library.index.writeParts(
      version('parts'),
      given(async (count) => void done.push(count)),
    );
    expect(chunks.length).toBeGreaterThan(2 * PART_CHUNKS);
    expect(done).toEqual([PART_CHUNKS, 2 * PART_CHUNKS, chunks.length]);
    expect(large).toEqual(once);
    for (const corpus of ['once', 'parts']) await library.publish('t', corpus, corpus);
    for (const query of ['kettle 693', 'green kettle', 'paragraph 258 blue'])
      expect(await found('parts', query)).toEqual(await found('once', query));
    expect((await found('parts', 'kettle 693'))[0]?.text).toContain('number 693');
  });

  it('answers nothing before its end, and what a killed one left is replaced, or swept whole', async () => {
    const die = given(async (done) => {
      if (done > PART_CHUNKS) throw new Error('killed');
    });
    await expect(library.index.writeParts(version('c'), die)).rejects.toThrow('killed');
    expect(await count('retrieval.chunk')).toBe(2 * PART_CHUNKS);
    expect(await count('retrieval.version where finished')).toBe(0);
    await library.index.writeParts(version('c'), given());
    expect([await count('retrieval.chunk'), await count('retrieval.version')]).toEqual([chunks.length, 1]);
    await expect(library.index.writeParts(version('c', 'v2'), die)).rejects.toThrow('killed');
    const isCurrent = async (versions: readonly { versionId: string }[]) =>
      versions.map(({ versionId }) => versionId === 'v1');
    expect(await library.index.sweep(isCurrent, 0)).toBe(1);
    expect(await count('retrieval.chunk')).toBe(chunks.length);
    expect(await library.index.sweep(async (versions) => versions.map(() => false), 0)).toBe(1);
    for (const table of ['version', 'chunk', 'segment', 'posting_bucket', 'version_terms', 'version_space', 'space_1'])
      expect([table, await count(`retrieval.${table}`)]).toEqual([table, 0]);
  });

  it('ends when it was removed meanwhile', async () => {
    const removed = given(async () => library.index.dropVersion('t', 'uid-c', 'v1'));
    await expect(library.index.writeParts(version('c'), removed)).rejects.toThrow();
    expect(await count('retrieval.chunk')).toBe(0);
    expect(await count('retrieval.posting_bucket')).toBe(0);
  });

  it('begins again when its corpus is written in another space from now on', async () => {
    const done: number[] = [];
    const moving = given(async (count) => {
      done.push(count);
      if (done.length > 1) return;
      const { spaceNo } = await library.index.spaces.space('another model', library.parts.embedder.dimension);
      await test.database.execute('insert into retrieval.scope_space select scope_no, $1 from retrieval.scope', [
        spaceNo,
      ]);
    });
    await library.index.writeParts(version('c'), moving);
    const once = [PART_CHUNKS, 2 * PART_CHUNKS, chunks.length];
    expect(done).toEqual([...once, ...once]);
    for (const table of ['chunk', 'space_1', 'space_2']) expect(await count(`retrieval.${table}`)).toBe(chunks.length);
    expect(await count('retrieval.version_space')).toBe(2);
  });
});

describe('the chunks of a document on their way', () => {
  it('come back in parts of one size, from memory or from a file, as often as they are asked for', async () => {
    for (const most of [10_000, 100]) {
      const spool = new ChunkSpool(64, most);
      for (let at = 0; at < chunks.length; at += 37) await spool.add(chunks.slice(at, at + 37));
      expect(spool.count).toBe(chunks.length);
      if (most > chunks.length) expect(spool.few).toEqual(chunks);
      else {
        expect(spool.few).toBeUndefined();
        for (let again = 0; again < 2; again += 1) {
          const all = [...spool.parts()];
          expect(all.slice(0, -1).every((part) => part.length === 64)).toBe(true);
          expect(all.flat()).toEqual(chunks);
        }
      }
      await spool.close();
    }
  });
});
