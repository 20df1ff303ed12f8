import fc from 'fast-check';
import { parseFilter, type MetadataFilter } from '#domain/kernel/filter/metadata-filter.js';
import { isRefusal } from '#domain/kernel/errors.js';
import type { Json } from '#domain/kernel/schema.js';
import { filterSql } from '#infra/retrieval/filter-sql.js';
import { Params } from '#infra/retrieval/retrieval-sql.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { filteredDocuments, filters } from './filter-arbitrary.js';
import { holds, type FilteredDocument } from './filter-evaluator.js';

function read(input: Json): MetadataFilter {
  const filter = parseFilter(input);
  if (filter === undefined || isRefusal(filter)) throw new Error(`the filter was refused: ${JSON.stringify(filter)}`);
  return filter;
}

describe('a filter in SQL', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase();
  });
  afterAll(() => test.drop());

  /** Which of the documents it holds for, as the database says; null where it says neither yes nor no. */
  async function verdicts(filter: MetadataFilter, documents: readonly FilteredDocument[]): Promise<(boolean | null)[]> {
    const params = new Params();
    const sql = filterSql(filter, { document: 'd', metadata: 'd.metadata' }, params.next);
    const text = `
      select (${sql}) as verdict
        from rows from (jsonb_to_recordset(${params.next(JSON.stringify(documents))}::jsonb) as
               (document_id text, filename text, content_type text, created_at timestamptz, updated_at timestamptz,
                labels jsonb, metadata jsonb))
        with ordinality as d(document_id, filename, content_type, created_at, updated_at, labels, metadata, place)
       order by place`;
    const found = await test.database.query<{ verdict: boolean | null }>(text, params.values);
    return found.map(({ verdict }) => verdict);
  }

  it('says of every document what the filter means', async () => {
    const held = { yes: 0, no: 0 };
    await fc.assert(
      fc.asyncProperty(
        filters,
        fc.array(filteredDocuments, { minLength: 20, maxLength: 20 }),
        async (input, documents) => {
          const filter = read(input);
          const meant = documents.map((document) => holds(filter, document));
          for (const verdict of meant) held[verdict ? 'yes' : 'no'] += 1;
          expect(await verdicts(filter, documents)).toEqual(meant);
        },
      ),
      { numRuns: 400 },
    );
    // Filters that never hold, or always, would agree about nothing.
    expect(Math.min(held.yes, held.no)).toBeGreaterThan(1_000);
  });

  const one = async (filter: Json, metadata: Json): Promise<boolean | null | undefined> => {
    const document = {
      ...{
        document_id: 'd',
        filename: 'f',
        content_type: 't',
        labels: {},
        metadata: metadata as FilteredDocument['metadata'],
      },
      ...{ created_at: '2026-01-31T12:00:00.000Z', updated_at: '2026-01-31T12:00:00.000Z' },
    };
    return (await verdicts(read(filter), [document]))[0];
  };

  it.each([
    [{ ne: ['metadata.a', 1] }, {}, true],
    [{ not: { gt: ['metadata.a', 1] } }, { a: 'x' }, true],
    [{ eq: ['metadata.a', '1'] }, { a: 1 }, false],
    [{ eq: ['metadata.tags', 'b'] }, { tags: ['a', 'b'] }, true],
    [{ nin: ['metadata.tags', ['b']] }, { tags: ['a', 'b'] }, false],
    [{ eq: ['metadata.a.b', 1] }, { a: [{ b: 0 }, { b: 1 }] }, true],
    [{ exists: 'metadata.a' }, { a: null }, false],
    [{ exists: 'metadata.a' }, { a: {} }, true],
    [{ gte: ['created_at', '2026-01-31T13:00:00+01:00'] }, {}, true],
    [{ gt: ['metadata.a', 'Z'] }, { a: 'a' }, true],
  ])('says of %j over %j that it is %j', async (filter, metadata, meant) => {
    expect(await one(filter as Json, metadata as Json)).toBe(meant);
  });
});
