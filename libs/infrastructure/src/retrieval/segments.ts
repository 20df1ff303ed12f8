import type { Database } from '#infra/database/database.js';
import { INT8_ELEMENT, int8ArrayOf } from '#infra/database/binary-arrays.js';
import type { Postings } from './postings.js';
import { turn } from './vectors.js';

/**
 * Where postings lie, as full-text engines have it: in segments that are written once and merged when there are many of them,
 * so that a document costs few rows, and a word is looked for in few places. The migration describes the tables.
 */

/** SQL: puts postings `e (segment_no, shift, term, version_no, hit)` of segments into their buckets. */
export const intoBuckets = (entries: string): string => `
  insert into retrieval.posting_bucket (segment_no, bucket, terms, versions, hits)
  select e.segment_no, e.term >> e.shift, array_agg(e.term), array_agg(e.version_no), array_agg(e.hit)
    from (${entries}) e group by 1, 2`;

/** SQL: the postings of a bucket `b`, as rows; a list for `select`. */
export const POSTINGS_OF_B = 'unnest(b.terms) as term, unnest(b.versions) as version_no, unnest(b.hits) as hit';

/**
 * SQL: the buckets `(segment_no, bucket)` in which a version of a scope may have postings; both are SQL texts. All of a segment that
 * is this version's alone; of others those of its terms. A large version has many of the former, and millions of terms.
 */
export const bucketsOf = (scopeNo: string, versionNo: string): string => `
  select b.segment_no, b.bucket
    from retrieval.segment g join retrieval.posting_bucket b using (segment_no)
   where g.scope_no = ${scopeNo} and g.first_version = ${versionNo} and g.last_version = ${versionNo}
   union
  select g.segment_no, u.term >> g.shift
    from (select distinct unnest(h.terms) as term from retrieval.version_terms h where h.version_no = ${versionNo}) u
    join retrieval.segment g on g.scope_no = ${scopeNo} and ${versionNo} between g.first_version and g.last_version
                            and g.first_version < g.last_version`;

/** Postings of a segment that one statement writes: a few megabytes of parameters. */
const ENTRIES_AT_ONCE = 20_000;

/** Writes the postings of one version of its own, in the transaction of whoever calls; how many segments that are. */
export async function insertPostings(
  database: Database,
  scopeNo: number,
  versionNo: string,
  { terms, hits }: Pick<Postings, 'terms' | 'hits'>,
): Promise<number> {
  let segments = 0;
  for (let at = 0; at < terms.length; at += ENTRIES_AT_ONCE * INT8_ELEMENT) {
    const part = (elements: Uint8Array): Buffer =>
      int8ArrayOf([elements.subarray(at, at + ENTRIES_AT_ONCE * INT8_ELEMENT)]);
    await database.execute(
      `with made as (
         insert into retrieval.segment (scope_no, shift, entries, first_version, last_version)
         select $1, retrieval.shift_of(n.entries), n.entries, $2, $2 from (select cardinality($3::bigint[])::bigint as entries) n
         returning segment_no, shift)
       ${intoBuckets(`select m.segment_no, m.shift, u.term, $2::bigint as version_no, u.hit
                        from made m cross join unnest($3::bigint[], $4::bigint[]) u(term, hit)`)}`,
      [scopeNo, versionNo, part(terms), part(hits)],
    );
    segments += 1;
    await turn();
  }
  return segments;
}

/**
 * Keeps merges and other removals away from the scopes that a query names until the transaction of whoever calls is over; writers
 * go on. False where it names none.
 */
export async function holdSegments(database: Database, scopeNos: string, values: unknown[]): Promise<boolean> {
  const held = await database.query(
    `select 1 from retrieval.scope where scope_no in (${scopeNos}) order by scope_no for no key update`,
    values,
  );
  return held.length > 0;
}

/** Removes the postings of a version from scopes that the caller's transaction holds, and what says which terms it has. */
export async function removePostings(
  database: Database,
  scopeNos: readonly number[],
  versionNo: string,
): Promise<void> {
  await database.execute(
    `with named as materialized (${bucketsOf('any($1::int[])', '$2')}),
     emptied as (
       delete from retrieval.posting_bucket b using named n
        where b.segment_no = n.segment_no and b.bucket = n.bucket and $2 = all(b.versions)),
     cut as (
       update retrieval.posting_bucket b
          set (terms, versions, hits) = (
                select array_agg(e.term), array_agg(e.version_no), array_agg(e.hit)
                  from (select ${POSTINGS_OF_B}) e where e.version_no <> $2)
         from named n
        where b.segment_no = n.segment_no and b.bucket = n.bucket and $2 = any(b.versions) and $2 <> any(b.versions))
     delete from retrieval.version_terms where version_no = $2`,
    [scopeNos, versionNo],
  );
  await database.execute(
    `delete from retrieval.segment g
      where g.scope_no = any($1::int[]) and $2 between g.first_version and g.last_version
        and not exists (select 1 from retrieval.posting_bucket b where b.segment_no = g.segment_no)`,
    [scopeNos, versionNo],
  );
}
