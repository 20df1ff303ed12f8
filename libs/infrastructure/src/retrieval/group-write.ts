import type { Chunk } from '#domain/kernel/text/chunker.js';
import { Gathered } from '#infra/batching/gathered.js';
import {
  byteaArray,
  float4Array,
  INT8_ELEMENT,
  int4Array,
  int8ArrayOf,
  repeatedInt4Array,
} from '#infra/database/binary-arrays.js';
import type { Database } from '#infra/database/database.js';
import type { EmbeddingSpace } from './embedding-space.js';
import type { VersionRef } from './passage.js';
import type { Postings } from './postings.js';
import { pageColumns } from './chunk-pages.js';
import type { SegmentMerges } from './segment-merges.js';
import { intoBuckets } from './segments.js';
import { chunkIdOf, storable } from './version-rows.js';

/** A version small enough to share a statement with others. */
export interface SmallVersion {
  readonly version: VersionRef;
  readonly scopeNo: number;
  readonly chunks: readonly Chunk[];
  readonly bodies: readonly Uint8Array[];
  readonly context: Uint8Array | null;
  readonly hashes: readonly (string | null)[];
  readonly postings: Postings;
  /** Its vectors in each space that the scope is written in. */
  readonly spaces: readonly { readonly space: EmbeddingSpace; readonly vectors: readonly Float32Array[] }[];
}

/** `lacks`: the scope is written in other spaces than those; `there`: the version has rows already. Both wrote nothing. */
export type GroupOutcome = 'written' | 'lacks' | 'there';

/** More chunks are a transaction of their own. */
const SMALL_CHUNKS = 16;
const VERSIONS_AT_ONCE = 64;

const HOLD_SCOPES = 'select 1 from retrieval.scope where scope_no = any($1::int[]) order by scope_no for key share';

interface MadeRow {
  readonly at: number;
  readonly made: boolean;
}

/** Whether a version may share a statement. */
export function isSmall(chunks: readonly Chunk[]): boolean {
  return chunks.length <= SMALL_CHUNKS;
}

/** Writes small versions that come at the same time in one transaction of two statements. */
export class GroupWrite {
  private readonly gathered: Gathered<SmallVersion, GroupOutcome>;

  constructor(
    private readonly database: Database,
    private readonly merges: SegmentMerges,
  ) {
    const send = (versions: readonly SmallVersion[]) => database.detached(() => this.writeAll(versions));
    this.gathered = new Gathered(send, VERSIONS_AT_ONCE);
  }

  add(version: SmallVersion): Promise<GroupOutcome> {
    return this.gathered.add(version);
  }

  /** One transaction for those of the same spaces; a version that comes twice is written once, for both. */
  private async writeAll(versions: readonly SmallVersion[]): Promise<readonly GroupOutcome[]> {
    const outcomes = new Map<string, GroupOutcome>();
    const groups = new Map<string, Map<string, SmallVersion>>();
    for (const item of versions) {
      const spaces = numbersOf(item).join();
      const group = groups.get(spaces) ?? new Map<string, SmallVersion>();
      groups.set(spaces, group.set(nameOf(item), item));
    }
    for (const group of groups.values()) {
      const written = await this.write([...group.values()]);
      [...group.keys()].forEach((name, at) => outcomes.set(name, written[at] ?? 'lacks'));
    }
    return versions.map((item) => outcomes.get(nameOf(item)) ?? 'lacks');
  }

  private async write(items: readonly SmallVersion[]): Promise<readonly GroupOutcome[]> {
    const [first] = items;
    if (first === undefined) return [];
    // From the first statement on the scopes' spaces stay what they are; the next one sees what they are.
    const [, rows = []] = await this.database.atomically([
      { text: HOLD_SCOPES, values: [[...new Set(items.map(({ scopeNo }) => scopeNo))]] },
      { text: statement(first.spaces.map(({ space }) => space)), values: parameters(items) },
    ]);
    for (const scopeNo of new Set(items.map((item) => item.scopeNo))) this.merges.added(scopeNo);
    const found = new Map((rows as unknown as readonly MadeRow[]).map(({ at, made }) => [at, made]));
    return items.map((_, at) => {
      const made = found.get(at);
      if (made === undefined) return 'lacks';
      return made ? 'written' : 'there';
    });
  }
}

function nameOf({ version: { tenantId, documentId, versionId } }: SmallVersion): string {
  return [tenantId, documentId, versionId].join('\n');
}

function numbersOf({ spaces }: SmallVersion): readonly number[] {
  return spaces.map(({ space }) => space.spaceNo).sort((left, right) => left - right);
}

/** The vectors of a group's chunks in the space that stands at a place of its list. */
function vectorsInto({ spaceNo, table, type, dimension }: EmbeddingSpace, at: number): string {
  return `
     in_${spaceNo} as (
       insert into ${table} (scope_no, version_no, ordinal, embedding)
       select n.scope_no, n.version_no, c.ordinal,
              ($${27 + at}::float4[])[(c.place - 1) * ${dimension} + 1 : c.place * ${dimension}]::${type}
         from unnest($14::int[], $15::int[]) with ordinality c(at, ordinal, place) join numbered n using (at)),`;
}

/** All rows of a group; `at` is a version's place in it, from 0. */
function statement(spaces: readonly EmbeddingSpace[]): string {
  return `
    with given as (
       select g.*, (g.place - 1)::int as at
         from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::text[],
                     $9::int[], $10::int[], $11::int[])
              with ordinality
              g(scope_no, tenant_id, document_id, version_id, chunk_count, term_count, metadata, context, terms_from, terms_to,
                posted, place)),
     fitting as (
       select g.* from given g
        where $13::int[] = (select array_agg(t.space_no order by t.space_no)
                              from retrieval.scope_space t where t.scope_no = g.scope_no)),
     made as (
       insert into retrieval.version
         (tenant_id, document_id, version_id, scope_no, chunk_count, term_count, metadata, context)
       select tenant_id, document_id, version_id, scope_no, chunk_count, term_count, metadata::jsonb, decode(context, 'base64')
         from fitting order by at
       on conflict (tenant_id, document_id, version_id) do nothing
       returning version_no, tenant_id, document_id, version_id),
     numbered as (
       select f.at, f.scope_no, f.terms_from, f.terms_to, f.posted, m.version_no
         from made m join fitting f using (tenant_id, document_id, version_id)),
     in_terms as (
       insert into retrieval.version_terms (version_no, terms)
       select version_no, ($12::bigint[])[terms_from : terms_to] from numbered),
     in_chunks as (
       insert into retrieval.chunk (version_no, ordinal, chunk_id, start_at, end_at, body, text_hash,
                                    page_start, page_end, page_breaks)
       select n.version_no, c.ordinal, c.chunk_id, c.start_at, c.end_at, c.body, c.text_hash,
              c.page_start, c.page_end, c.page_breaks::int[]
         from unnest($14::int[], $15::int[], $16::uuid[], $17::int[], $18::int[], $19::bytea[], $20::uuid[],
                     $21::int[], $22::int[], $23::text[])
              c(at, ordinal, chunk_id, start_at, end_at, body, text_hash, page_start, page_end, page_breaks)
         join numbered n using (at)),
     in_segments as (
       insert into retrieval.segment (scope_no, shift, entries, first_version, last_version)
       select scope_no, retrieval.shift_of(sum(posted)), sum(posted), min(version_no), max(version_no)
         from numbered group by scope_no having sum(posted) > 0
       returning scope_no, segment_no, shift),
     in_buckets as (${intoBuckets(`
       select s.segment_no, s.shift, p.term, n.version_no, p.hit
         from unnest($24::int[], $25::bigint[], $26::bigint[]) p(at, term, hit)
         join numbered n using (at) join in_segments s using (scope_no)`)}),
     ${spaces.map(vectorsInto).join('').trim()}
     in_spaces as (
       insert into retrieval.version_space (version_no, space_no)
       select n.version_no, s.space_no from numbered n cross join unnest($13::int[]) s(space_no))
    select f.at, n.version_no is not null as made from fitting f left join numbered n using (at)`;
}

function parameters(items: readonly SmallVersion[]): unknown[] {
  const [first] = items;
  const placed = items.map((item, at) => ({ at, ...item }));
  const chunks = placed.flatMap(({ at, version, chunks: own, bodies, hashes }) =>
    own.map((chunk, index) => ({ at, version, chunk, body: bodies[index], hash: hashes[index] ?? null })),
  );
  const terms = items.map((item) => item.postings.distinct);
  return [
    int4Array(items.map(({ scopeNo }) => scopeNo)),
    items.map(({ version }) => version.tenantId),
    items.map(({ version }) => version.documentId),
    items.map(({ version }) => version.versionId),
    int4Array(items.map((item) => item.chunks.length)),
    items.map((item) => item.postings.total),
    items.map(({ version }) => storable(version.metadata ?? {})),
    items.map(({ context }) => (context === null ? null : base64(context))),
    ...rangesOf(terms),
    int4Array(items.map(({ postings }) => countOf(postings.terms))),
    int8ArrayOf(terms),
    int4Array(first === undefined ? [] : numbersOf(first)),
    int4Array(chunks.map(({ at }) => at)),
    int4Array(chunks.map(({ chunk }) => chunk.ordinal)),
    chunks.map(({ version, chunk }) => chunkIdOf(version.documentId, version.versionId, chunk.ordinal)),
    int4Array(chunks.map(({ chunk }) => chunk.start)),
    int4Array(chunks.map(({ chunk }) => chunk.end)),
    byteaArray(chunks.map(({ body }) => body ?? new Uint8Array())),
    chunks.map(({ hash }) => hash),
    ...pageColumns(chunks.map(({ chunk }) => chunk)),
    repeatedInt4Array(placed.map(({ at, postings }) => ({ value: at, count: countOf(postings.terms) }))),
    int8ArrayOf(items.map(({ postings }) => postings.terms)),
    int8ArrayOf(items.map(({ postings }) => postings.hits)),
    ...(first?.spaces ?? []).map(({ space: { spaceNo } }) =>
      float4Array(items.flatMap(({ spaces }) => vectorsIn(spaces, spaceNo))),
    ),
  ];
}

function countOf(elements: Uint8Array): number {
  return elements.length / INT8_ELEMENT;
}

/** Where each of some lists begins and ends in all of them as one, counted from 1. */
function rangesOf(lists: readonly Uint8Array[]): readonly [from: Buffer, to: Buffer] {
  const ends: number[] = [];
  for (const list of lists) ends.push((ends.at(-1) ?? 0) + countOf(list));
  return [int4Array(lists.map((list, at) => (ends[at] ?? 0) - countOf(list) + 1)), int4Array(ends)];
}

function vectorsIn(spaces: SmallVersion['spaces'], spaceNo: number): readonly Float32Array[] {
  return spaces.find(({ space }) => space.spaceNo === spaceNo)?.vectors ?? [];
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
