import type { Chunk } from '#domain/kernel/text/chunker.js';
import { Gathered } from '#infra/batching/gathered.js';
import { byteaArray, float4Array, int4Array, int8ArrayOf, int8Elements } from '#infra/database/binary-arrays.js';
import { databaseCodeOf } from '#infra/database/database-errors.js';
import type { Database } from '#infra/database/database.js';
import { storable } from '#infra/database/jsonb.js';
import type { EmbeddingSpace } from './embedding-space.js';
import type { VersionRef } from './passage.js';
import { countOf, rangesOf, segmentOf, segmentParameters } from './posting-buckets.js';
import type { Postings } from './postings.js';
import { pageColumns } from './chunk-pages.js';
import type { SegmentMerges } from './segment-merges.js';
import { VersionNumbers } from './version-numbers.js';
import { chunkIdOf } from './version-rows.js';

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

const UNIQUE_VIOLATION = '23505';

/** A version of a group, with the number that its rows will have. */
interface Numbered extends SmallVersion {
  readonly versionNo: number;
}

/** Whether a version may share a statement. */
export function isSmall(chunks: readonly Chunk[]): boolean {
  return chunks.length <= SMALL_CHUNKS;
}

/** Writes small versions that come at the same time in one transaction of two statements. */
export class GroupWrite {
  private readonly gathered: Gathered<SmallVersion, GroupOutcome>;
  private readonly numbers: VersionNumbers;

  constructor(
    private readonly database: Database,
    private readonly merges: SegmentMerges,
  ) {
    this.numbers = new VersionNumbers(database);
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
      const items = [...group.values()];
      const outcome = await this.write(items);
      // Of which of them that is true is seen one by one.
      for (const item of items)
        outcomes.set(nameOf(item), outcome === 'written' || items.length === 1 ? outcome : await this.write([item]));
    }
    return versions.map((item) => outcomes.get(nameOf(item)) ?? 'lacks');
  }

  /** All of them, or nothing because of one. */
  private async write(items: readonly SmallVersion[]): Promise<GroupOutcome> {
    const numbers = await this.numbers.take(items.length);
    const numbered = items.map((item, at) => ({ ...item, versionNo: numbers[at] ?? 0 }));
    const scopeNos = [...new Set(items.map(({ scopeNo }) => scopeNo))];
    const spaces = items[0]?.spaces.map(({ space }) => space) ?? [];
    try {
      // From the first statement on the scopes' spaces stay what they are; the next one sees what they are.
      const [, rows = []] = await this.database.atomically([
        { text: HOLD_SCOPES, values: [scopeNos] },
        { text: statement(spaces), values: parameters(numbered, spaces) },
      ]);
      if (rows[0]?.['fits'] !== true) return 'lacks';
    } catch (error) {
      if (databaseCodeOf(error) === UNIQUE_VIOLATION) return 'there';
      throw error;
    }
    for (const scopeNo of scopeNos) this.merges.added(scopeNo);
    return 'written';
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
       select c.scope_no, c.version_no, c.ordinal,
              ($${37 + at}::float4[])[(c.place - 1) * ${dimension} + 1 : c.place * ${dimension}]::${type}
         from given, unnest($14::int[], $15::bigint[], $16::int[]) with ordinality c(scope_no, version_no, ordinal, place)
        where given.fits)`;
}

/** All rows of a group, or none where a scope has other spaces; it fails where a version is there already. */
function statement(spaces: readonly EmbeddingSpace[]): string {
  return `
    with given as materialized (
       select bool_and(coalesce($12::int[] = (select array_agg(t.space_no order by t.space_no)
                                                from retrieval.scope_space t where t.scope_no = g.scope_no), false)) as fits
         from (select distinct scope_no from unnest($1::int[]) s(scope_no)) g),
     in_versions as (
       insert into retrieval.version
         (scope_no, version_no, tenant_id, document_id, version_id, chunk_count, term_count, metadata, context)
       overriding system value
       select v.scope_no, v.version_no, v.tenant_id, v.document_id, v.version_id, v.chunk_count, v.term_count,
              v.metadata::jsonb, decode(v.context, 'base64')
         from given, unnest($1::int[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[],
                            $8::text[], $9::text[])
              v(scope_no, version_no, tenant_id, document_id, version_id, chunk_count, term_count, metadata, context)
        where given.fits),
     in_terms as (
       insert into retrieval.version_terms (version_no, terms)
       select t.version_no, ($13::bigint[])[t.terms_from : t.terms_to]
         from given, unnest($2::bigint[], $10::int[], $11::int[]) t(version_no, terms_from, terms_to) where given.fits),
     in_spaces as (
       insert into retrieval.version_space (version_no, space_no)
       select v.version_no, s.space_no
         from given, unnest($2::bigint[]) v(version_no), unnest($12::int[]) s(space_no) where given.fits),
     in_chunks as (
       insert into retrieval.chunk (version_no, ordinal, chunk_id, start_at, end_at, body, text_hash,
                                    page_start, page_end, page_breaks)
       select c.version_no, c.ordinal, c.chunk_id, c.start_at, c.end_at, c.body, c.text_hash,
              c.page_start, c.page_end, c.page_breaks::int[]
         from given, unnest($15::bigint[], $16::int[], $17::uuid[], $18::int[], $19::int[], $20::bytea[], $21::uuid[],
                            $22::int[], $23::int[], $24::text[])
              c(version_no, ordinal, chunk_id, start_at, end_at, body, text_hash, page_start, page_end, page_breaks)
        where given.fits),
     in_segments as (
       insert into retrieval.segment (scope_no, shift, entries, first_version, last_version)
       select s.scope_no, s.shift, s.entries, s.first_version, s.last_version
         from given, unnest($25::int[], $26::int[], $27::int[], $28::bigint[], $29::bigint[])
              s(scope_no, shift, entries, first_version, last_version)
        where given.fits returning scope_no, segment_no),
     in_buckets as (
       insert into retrieval.posting_bucket (segment_no, bucket, terms, versions, hits)
       select s.segment_no, b.bucket, ($34::bigint[])[b.at : b.upto], ($35::bigint[])[b.at : b.upto],
              ($36::bigint[])[b.at : b.upto]
         from unnest($30::int[], $31::int[], $32::int[], $33::int[]) b(scope_no, bucket, at, upto)
         join in_segments s using (scope_no)),
     ${spaces.map(vectorsInto).join(',').trim()}
    select fits from given`;
}

function parameters(items: readonly Numbered[], spaces: readonly EmbeddingSpace[]): unknown[] {
  return [
    ...versionParameters(items),
    int4Array(spaces.map(({ spaceNo }) => spaceNo).sort((left, right) => left - right)),
    int8ArrayOf(items.map(({ postings }) => postings.distinct)),
    ...chunkParameters(items),
    ...segmentParameters(segmentsOf(items)),
    ...spaces.map(({ spaceNo }) => float4Array(items.flatMap((item) => vectorsIn(item.spaces, spaceNo)))),
  ];
}

function versionParameters(items: readonly Numbered[]): readonly unknown[] {
  return [
    int4Array(items.map(({ scopeNo }) => scopeNo)),
    int8ArrayOf([int8Elements(items.map(({ versionNo }) => BigInt(versionNo)))]),
    items.map(({ version }) => version.tenantId),
    items.map(({ version }) => version.documentId),
    items.map(({ version }) => version.versionId),
    int4Array(items.map((item) => item.chunks.length)),
    items.map((item) => item.postings.total),
    items.map(({ version }) => storable(version.metadata ?? {})),
    items.map(({ context }) => (context === null ? null : base64(context))),
    ...rangesOf(items.map(({ postings }) => countOf(postings.distinct))),
  ];
}

function chunkParameters(items: readonly Numbered[]): readonly unknown[] {
  const chunks = items.flatMap(({ scopeNo, versionNo, version, chunks: own, bodies, hashes }) =>
    own.map((chunk, at) => ({ scopeNo, versionNo, version, chunk, body: bodies[at], hash: hashes[at] ?? null })),
  );
  return [
    int4Array(chunks.map(({ scopeNo }) => scopeNo)),
    int8ArrayOf([int8Elements(chunks.map(({ versionNo }) => BigInt(versionNo)))]),
    int4Array(chunks.map(({ chunk }) => chunk.ordinal)),
    chunks.map(({ version, chunk }) => chunkIdOf(version.documentId, version.versionId, chunk.ordinal)),
    int4Array(chunks.map(({ chunk }) => chunk.start)),
    int4Array(chunks.map(({ chunk }) => chunk.end)),
    byteaArray(chunks.map(({ body }) => body ?? new Uint8Array())),
    chunks.map(({ hash }) => hash),
    ...pageColumns(chunks.map(({ chunk }) => chunk)),
  ];
}

/** One segment of each scope. */
function segmentsOf(items: readonly Numbered[]) {
  const scopes = [...new Set(items.map(({ scopeNo }) => scopeNo))];
  return scopes.flatMap(
    (scopeNo) =>
      segmentOf(
        scopeNo,
        items.filter((item) => item.scopeNo === scopeNo),
      ) ?? [],
  );
}

function vectorsIn(spaces: SmallVersion['spaces'], spaceNo: number): readonly Float32Array[] {
  return spaces.find(({ space }) => space.spaceNo === spaceNo)?.vectors ?? [];
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
