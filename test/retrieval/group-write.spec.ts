import { chunkText } from '#domain/kernel/text/chunker.js';
import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import { RetrievalIndex } from '#infra/retrieval/retrieval-index.js';
import { ScopeSpaces } from '#infra/retrieval/scope-spaces.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { Library, testCipher } from './library.js';

const tenantId = 't';
const textOf = (at: number): string =>
  Array.from(
    { length: 1 + (at % 4) },
    (_, part) => `Note ${at}, part ${part}: ${'tides rise at the harbour. '.repeat(12)}`,
  ).join('\n\n');

interface Stored {
  readonly document: string;
  readonly chunk_count: number;
  readonly spaces: string;
}

describe('versions that are written at the same time', () => {
  let test: TestDatabase;
  let library: Library;

  beforeAll(async () => {
    test = await openTestDatabase();
    library = await Library.open(test.database, { cipher: testCipher(Buffer.alloc(32, 5)) });
  });
  afterAll(() => test.drop());

  const write = (corpusId: string, at: number, versionId = 'v1') => {
    const chunks = chunkText(textOf(at), { size: 200, overlap: 20 });
    return library.index.write({ tenantId, corpusId, documentId: `${corpusId}-${at}`, versionId }, chunks);
  };

  /** Everything that is stored of a corpus, by document; without the numbers that differ from writing to writing. */
  const stored = (corpusId: string) =>
    test.database.query<Stored>(
      `select replace(v.document_id, $1 || '-', '') as document, v.version_id, v.chunk_count, v.term_count,
              (select array_agg(t order by t) from retrieval.version_terms x, unnest(x.terms) t
                where x.version_no = v.version_no)::text as terms,
              (select array_agg((c.ordinal, c.start_at, c.end_at) order by c.ordinal)
                 from retrieval.chunk c where c.version_no = v.version_no)::text as chunks,
              (select array_agg((e.ordinal, e.embedding::text) order by e.ordinal)
                 from retrieval.space_1 e where e.version_no = v.version_no and e.scope_no = v.scope_no)::text as vectors,
              (select array_agg((e.term, e.hit) order by e.term, e.hit)
                 from retrieval.segment g join retrieval.posting_bucket b using (segment_no)
                cross join lateral (select unnest(b.terms) term, unnest(b.versions) version_no, unnest(b.hits) hit) e
                where g.scope_no = v.scope_no and e.version_no = v.version_no)::text as postings,
              (select array_agg(s.space_no order by s.space_no) from retrieval.version_space s
                where s.version_no = v.version_no)::text as spaces
         from retrieval.version v join retrieval.scope s using (scope_no)
        where s.corpus_id = $1 order by 1, 2`,
      [corpusId],
    );

  it('are stored as those that are written one by one', async () => {
    for (let at = 0; at < 40; at += 1) await write('alone', at);
    await Promise.all(Array.from({ length: 40 }, (_, at) => write('together', at)));
    const together = await stored('together');
    expect(together).toHaveLength(40);
    expect(together).toEqual(await stored('alone'));
  });

  it('are stored once when one of them comes twice, and again when it is written later', async () => {
    await Promise.all([1, 2, 1, 3].map((at) => write('twice', at)));
    await write('twice', 2);
    expect(await stored('twice')).toEqual(
      (await stored('alone')).filter(({ document }) => ['1', '2', '3'].includes(document)),
    );
  });

  it('are all stored where one of them is there already', async () => {
    await write('again', 4);
    await Promise.all([4, 5, 6, 5].map((at) => write('again', at)));
    expect(await stored('again')).toEqual(
      (await stored('alone')).filter(({ document }) => ['4', '5', '6'].includes(document)),
    );
  });

  it('leave each posting in the bucket where a search looks for it, and say of each segment what it has', async () => {
    await Promise.all(['left', 'right'].flatMap((corpus) => Array.from({ length: 30 }, (_, at) => write(corpus, at))));
    const [wrong] = await test.database.query<Record<'misplaced' | 'outside' | 'miscounted', number>>(
      `with entry as (
         select g.*, b.bucket, u.term, u.version_no
           from retrieval.segment g join retrieval.posting_bucket b using (segment_no)
          cross join lateral unnest(b.terms, b.versions) u(term, version_no)),
       counted as (select segment_no, entries, count(*) as found from entry group by 1, 2)
       select (select count(*) from entry where term >> shift <> bucket)::int as misplaced,
              (select count(*) from entry where version_no not between first_version and last_version)::int as outside,
              (select count(*) from counted where entries < found)::int as miscounted`,
    );
    expect(wrong).toEqual({ misplaced: 0, outside: 0, miscounted: 0 });
  });

  it('have vectors in a space that another process added since this one last looked', async () => {
    const [first, second] = [new HashingEmbedder(), new HashingEmbedder({ dimension: 64 })];
    const embeddings = {
      of: () => first,
      serving: async () => first,
      chosen: async () => first,
      ofSpace: (_: string, dimension: number) => (dimension === 64 ? second : first),
    };
    const index = new RetrievalIndex({ ...library.parts, embeddings });
    const put = (at: number) =>
      index.write({ tenantId, corpusId: 'grown', documentId: `grown-${at}`, versionId: 'v1' }, [
        ...chunkText(textOf(at), { size: 200, overlap: 20 }),
      ]);
    await put(0);
    const { spaces } = library.index;
    const added = await spaces.space(second.model, second.dimension);
    await new ScopeSpaces(test.database, spaces, embeddings).add(await spaces.scope(tenantId, 'grown'), added);
    await Promise.all([1, 2, 3].map(put));
    const rows = await stored('grown');
    expect(rows.map(({ spaces: of }) => of)).toEqual(['{1}', ...Array<string>(3).fill(`{1,${added.spaceNo}}`)]);
    const [{ count } = { count: 0 }] = await test.database.query<{ count: number }>(
      `select count(*)::int as count from ${added.table}`,
    );
    expect(count).toBe(rows.slice(1).reduce((sum, { chunk_count: chunks }) => sum + chunks, 0));
  });
});
