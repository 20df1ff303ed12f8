import { setImmediate as turn } from 'node:timers/promises';
import { chunkText } from '#domain/kernel/text/chunker.js';
import { MERGED_AT_ONCE, MERGED_WHILE_WRITTEN, SegmentMerges } from '#infra/retrieval/segment-merges.js';
import { insertPostings } from '#infra/retrieval/segments.js';
import { int8Elements } from '#infra/database/binary-arrays.js';
import { PostingSegments20261128220000 } from '#migrations/20261128220000-posting-segments.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { Library, testCipher } from './library.js';

const tenantId = 't';
const textOf = (at: number): string =>
  `Note ${at}: tides number${at} rise at the harbour of place${at % 7}, again and again.`;

const failOn = (error: unknown): never => {
  throw error;
};

interface Held {
  readonly postings: number;
  readonly segments: number;
}

describe('the segments of postings', () => {
  let test: TestDatabase;
  let library: Library;
  beforeAll(async () => {
    test = await openTestDatabase();
    library = await Library.open(test.database, { cipher: testCipher(Buffer.alloc(32, 5)) });
  });
  afterAll(() => test.drop());

  const add = (corpusId: string, at: number) => library.add(tenantId, corpusId, `${corpusId}-${at}`, textOf(at));
  const drop = (corpusId: string, at: number) => library.index.dropVersion(tenantId, `uid-${corpusId}-${at}`, 'v1');
  const scopeOf = (corpusId: string) => library.index.spaces.scope(tenantId, corpusId);
  const held = async (corpusId: string): Promise<Held | undefined> => {
    const [row] = await test.database.query<Held>(
      `select (select coalesce(sum(cardinality(b.terms)), 0)::int from retrieval.posting_bucket b
                 join retrieval.segment g using (segment_no) where g.scope_no = $1) as postings,
              (select count(*)::int from retrieval.segment where scope_no = $1) as segments`,
      [await scopeOf(corpusId)],
    );
    return row;
  };
  /** Terms that are in the bucket of other upper bits than theirs. */
  const misplaced = () =>
    test.database.query(
      `select b.bucket from retrieval.posting_bucket b join retrieval.segment g using (segment_no)
        where exists (select 1 from unnest(b.terms) u(term) where u.term >> g.shift <> b.bucket)
           or cardinality(b.terms) <> cardinality(b.versions) or cardinality(b.terms) <> cardinality(b.hits)`,
    );
  const answer = async (corpusId: string, query: string) =>
    (await library.retriever.retrieve({ tenantId, corpusId, query, k: 50 }))
      .map(({ documentId, lexicalScore, score }) => ({ at: Number(documentId.split('-')[1]), lexicalScore, score }))
      .sort((left, right) => left.at - right.at);

  it('become fewer as documents come one by one, and answer as one of all at once does', async () => {
    const count = 3 * MERGED_AT_ONCE + 2;
    for (let at = 0; at < count; at += 1) await add('slow', at);
    await Promise.all(Array.from({ length: count }, (_, at) => add('fast', at)));
    const [slow, fast] = [await held('slow'), await held('fast')];
    expect(slow?.segments).toBeLessThan(MERGED_AT_ONCE + 1);
    expect(slow?.postings).toBe(fast?.postings);
    expect(await misplaced()).toEqual([]);
    for (const query of ['tides of number11', 'harbour place3', 'again', 'nothing of it'])
      expect(await answer('slow', query)).toEqual(await answer('fast', query));
  });

  it('lose what is removed from a merged one, and nothing else', async () => {
    for (let at = 0; at < MERGED_AT_ONCE + 1; at += 1) await add('cut', at);
    const before = await held('cut');
    await drop('cut', 3);
    const [left] = await test.database.query<{ left: number }>(
      `select count(*)::int as left from retrieval.posting_bucket b, unnest(b.versions) u(version_no)
        where not exists (select 1 from retrieval.version v where v.version_no = u.version_no)`,
    );
    expect(left?.left).toBe(0);
    expect((await held('cut'))?.postings).toBe(((before?.postings ?? 0) / (MERGED_AT_ONCE + 1)) * MERGED_AT_ONCE);
    const lexical = async (query: string) =>
      (await answer('cut', query)).filter(({ lexicalScore }) => (lexicalScore ?? 0) > 0);
    expect(await lexical('number3')).toEqual([]);
    expect(await lexical('number4')).toMatchObject([{ at: 4 }]);
    for (let at = 0; at < MERGED_AT_ONCE + 1; at += 1) await drop('cut', at);
    expect(await held('cut')).toEqual({ postings: 0, segments: 0 });
  });

  it('hold what is there when documents come, go and are merged at the same time', async () => {
    const count = 60;
    const merges = new SegmentMerges(test.database, failOn);
    const scopeNo = await scopeOf('busy');
    let over = false;
    const merging = (async () => {
      for (; !over; await turn()) await merges.merge(scopeNo);
    })();
    await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        await add('busy', at);
        if (at % 3 !== 0) await drop('busy', at);
      }),
    );
    over = true;
    await merging;
    for (let at = 0; at < count; at += 3) await add('calm', at);
    expect((await held('busy'))?.postings).toBe((await held('calm'))?.postings);
    expect(await misplaced()).toEqual([]);
  });

  it('are merged later while others write in their scope, and by the last of them', async () => {
    const merges = new SegmentMerges(test.database, failOn);
    const scopeNo = await scopeOf('poured');
    const write = async (at: number): Promise<void> => {
      const done = merges.writing(scopeNo);
      const terms = int8Elements([BigInt(at), -BigInt(at)]);
      await insertPostings(test.database, scopeNo, String(at), { terms, hits: terms });
      merges.added(scopeNo);
      done();
      await merges.settle(scopeNo);
    };
    const others = merges.writing(scopeNo);
    // Of a scope that it did not know, so many may be there already.
    let at = MERGED_AT_ONCE;
    while ((at += 1) < MERGED_WHILE_WRITTEN) await write(at);
    expect((await held('poured'))?.segments).toBe(MERGED_WHILE_WRITTEN - MERGED_AT_ONCE - 1);
    await write(at);
    expect((await held('poured'))?.segments).toBe(1);
    for (let more = 1; more < MERGED_AT_ONCE; more += 1) await write((at += 1));
    expect((await held('poured'))?.segments).toBe(MERGED_AT_ONCE);
    others();
    await write(at + 1);
    expect(await held('poured')).toEqual({ postings: 2 * (at + 1 - MERGED_AT_ONCE), segments: 1 });
  });

  it('are moved in parts when they are large', async () => {
    const scopeNo = await scopeOf('large');
    const each = 30_000;
    for (let at = 1; at <= MERGED_AT_ONCE; at += 1)
      await test.database.execute(
        `with made as (
           insert into retrieval.segment (scope_no, shift, entries, first_version, last_version)
           values ($1, retrieval.shift_of($2::int), $2, $3, $3) returning segment_no, shift)
         insert into retrieval.posting_bucket
         select m.segment_no, u.term >> m.shift, array_agg(u.term), array_agg($3::bigint), array_agg(u.term)
           from made m cross join (select hashint8extended(n, $3) as term from generate_series(1, $2::int) n) u group by 1, 2`,
        [scopeNo, each, at],
      );
    const sum = () =>
      test.database.query(
        `select sum(u.term)::text as terms, sum(u.version_no)::text as versions, count(*)::int as count
           from retrieval.segment g join retrieval.posting_bucket b using (segment_no)
          cross join lateral unnest(b.terms, b.versions) u(term, version_no) where g.scope_no = $1`,
        [scopeNo],
      );
    const before = await sum();
    const merges = new SegmentMerges(test.database, failOn, { moved: 20_000, largest: 1_000_000 });
    expect([await merges.merge(scopeNo), await merges.merge(scopeNo)]).toEqual([true, false]);
    expect(await sum()).toEqual(before);
    expect(await held('large')).toEqual({ postings: MERGED_AT_ONCE * each, segments: 1 });
    expect(await misplaced()).toEqual([]);
  });

  it('take over the postings that lay in rows of their own', async () => {
    const old = await openTestDatabase();
    try {
      const former = await Library.open(old.database, { cipher: testCipher(Buffer.alloc(32, 5)) });
      for (let at = 0; at < 3; at += 1) await former.add(tenantId, 'c', `d${at}`, textOf(at));
      const find = async () => former.retriever.retrieve({ tenantId, corpusId: 'c', query: 'number2 harbour', k: 5 });
      const before = await find();
      for (const statement of [
        `create table retrieval.posting (
           scope_no integer not null, term bigint not null, version_no bigint not null, block integer not null,
           hits bigint[] not null, primary key (scope_no, term, version_no, block) include (hits))`,
        `insert into retrieval.posting
         select g.scope_no, u.term, u.version_no, 0, array_agg(u.hit)
           from retrieval.segment g join retrieval.posting_bucket b using (segment_no)
          cross join lateral unnest(b.terms, b.versions, b.hits) u(term, version_no, hit) group by 1, 2, 3`,
        'drop table retrieval.segment',
        'drop table retrieval.posting_bucket',
        'drop function retrieval.shift_of',
      ])
        await old.database.execute(statement);
      const runner = { query: (text: string) => old.database.query(text) };
      await new PostingSegments20261128220000().up(runner as never);
      expect(await find()).toEqual(before);
      expect(before[0]?.documentId).toBe('d2');
    } finally {
      await old.drop();
    }
  });

  it('are written for a document of many chunks as well', async () => {
    const text = Array.from({ length: 60 }, (_, at) => textOf(at)).join('\n\n');
    const chunks = chunkText(text, { size: 120, overlap: 0 });
    expect(chunks.length).toBeGreaterThan(16);
    await library.index.write({ tenantId, corpusId: 'long', documentId: 'uid-long-1', versionId: 'v1' }, chunks);
    await library.publish(tenantId, 'long', 'long-1');
    const found = await library.retriever.retrieve({ tenantId, corpusId: 'long', query: 'number37', k: 1 });
    expect(found[0]?.text).toContain('number37');
  });
});
