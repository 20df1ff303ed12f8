import type { EmbeddingSpace } from './embedding-space.js';
import type { Fused } from './fusion.js';

/** Collects the parameters of a statement; values never enter its text. */
export class Params {
  readonly values: unknown[] = [];

  /** Adds a value and gives its placeholder. */
  readonly next = (value: unknown): string => `$${this.values.push(value)}`;
}

/** A further condition on the rows that may be seen: SQL over the alias, never null, values through `next`. */
export interface VisibilityPredicate {
  (alias: string, next: (value: unknown) => string): string;
  /** True where its text follows from a tenant's own rules, so that a plan of it serves few. */
  readonly varies?: boolean;
}

/** Which documents exist, and which version of each is current. */
export interface DocumentsView {
  /** A relation with tenant_id, corpus_id, id (internal), document_id (public), index_version, e.g. `read.documents_v1`. */
  readonly name: string;
  /** SQL text over `d` for a passage's source; `document://<public id>` when absent. */
  readonly source?: string;
}

export interface CandidateRequest {
  readonly view: DocumentsView;
  readonly space: EmbeddingSpace;
  readonly tenantId: string;
  readonly corpusId: string;
  readonly scopeNo: number;
  readonly queryVector: string;
  readonly terms: readonly { readonly term: bigint; readonly weight: number }[];
  readonly predicates: readonly VisibilityPredicate[];
  readonly limit: number;
  readonly bm25: { readonly k1: number; readonly b: number };
  /** Occurrences to read at most: where they are more, the commonest words of the query are left out of BM25. */
  readonly hitBudget: number;
  /** Above this number of visible chunks the approximate index answers; undefined: there is none. */
  readonly approximateAbove: number | undefined;
}

const relation = /^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?$/u;

/**
 * One statement: the visible versions, the best of both legs among them, and each candidate's value in the other leg.
 * Document frequencies and lengths are counted over exactly what is visible. A last row has ordinal -1 and the totals.
 * That a posting's term is one of the query's is said twice, lest a planner that knows little of a corpus read every word of it.
 */
export function candidatesStatement(request: CandidateRequest): { text: string; values: unknown[] } {
  const params = new Params();
  const p = params.next;
  const terms = p(request.terms.map(({ term }) => String(term)));
  const weights = p(request.terms.map(({ weight }) => weight));
  const vector = `${p(request.queryVector)}::${request.space.type}`;
  const scope = `${p(request.scopeNo)}::int`;
  const limit = `${p(request.limit)}::int`;
  const k1 = `${p(request.bm25.k1)}::float8`;
  const b = `${p(request.bm25.b)}::float8`;
  const text = `
    with ${visible(request, params)},
    totals as materialized (
      select coalesce(sum(chunk_count), 0)::float8 as chunks,
             greatest(coalesce(sum(term_count)::float8 / nullif(sum(chunk_count), 0), 0), 1) as length
        from visible),
    query as (select q.term, q.weight from unnest(${terms}::bigint[], ${weights}::float8[]) q(term, weight)),
    matched as materialized (
      select p.term, q.weight, p.version_no, p.hits
        from retrieval.posting p
        join query q on q.term = p.term
        join visible v on v.version_no = p.version_no
       where p.scope_no = ${scope} and p.term = any(${terms}::bigint[])),
    weighed as (
      select f.term, f.found, f.weight * ln(1 + (t.chunks - f.found + 0.5) / (f.found + 0.5)) as idf
        from (select q.term, q.weight, coalesce(sum(cardinality(m.hits)), 0)::float8 as found
                from query q left join matched m on m.term = q.term group by q.term, q.weight) f
       cross join totals t),
    frequency as materialized (
      select term, idf, sum(found) over rarest <= ${p(request.hitBudget)}::float8 or row_number() over rarest <= 2 as read
        from weighed window rarest as (order by idf desc, term)),
    scored as materialized (
      select m.version_no, (h.hit >> 32)::int as ordinal,
             sum(f.idf * ((h.hit >> 16) & 65535) * (${k1} + 1) /
                 (((h.hit >> 16) & 65535) + ${k1} * (1 - ${b} + ${b} * (h.hit & 65535) / t.length))) as bm25
        from matched m join frequency f on f.term = m.term and f.read cross join totals t cross join lateral unnest(m.hits) h(hit)
       group by 1, 2),
    lexical as (select version_no, ordinal from scored order by bm25 desc, version_no, ordinal limit ${limit}),
    ${nearest(request, vector, scope, limit)},
    candidate as (select version_no, ordinal from lexical union select version_no, ordinal from nearest)
    select c.version_no, c.ordinal, k.chunk_id::text as chunk_id,
           -(e.embedding <#> ${vector}) as cosine, coalesce(s.bm25, 0)::float8 as bm25
      from candidate c
      join retrieval.chunk k using (version_no, ordinal)
      left join ${request.space.table} e using (version_no, ordinal)
      left join scored s using (version_no, ordinal)
    union all
    select 0, -1, null, t.chunks, (select coalesce(sum(idf), 0) from frequency) from totals t`;
  return { text, values: params.values };
}

function visible(request: CandidateRequest, { next }: Params): string {
  if (!relation.test(request.view.name)) throw new Error('The name of the documents view is not a plain SQL name.');
  const further = request.predicates.map((predicate) => `and (${predicate('d', next)})`).join(' ');
  return `visible as materialized (
      select v.version_no, v.chunk_count, v.term_count
        from ${request.view.name} d
        join retrieval.version v
          on v.tenant_id = d.tenant_id and v.document_id = d.id and v.version_id = d.index_version
       where d.tenant_id = ${next(request.tenantId)} and d.corpus_id = ${next(request.corpusId)}
         and v.scope_no = ${next(request.scopeNo)} ${further})`;
}

function nearest(request: CandidateRequest, vector: string, scope: string, limit: string): string {
  const { space, approximateAbove, scopeNo } = request;
  // The addition keeps the planner from an approximate index, whose few hits may all be of versions that are not visible.
  const exact = `select e.version_no, e.ordinal, (e.embedding <#> ${vector}) + 0 as distance
        from visible v join ${space.table} e on e.version_no = v.version_no and e.scope_no = ${scope}`;
  const ordered = `order by distance, version_no, ordinal limit ${limit}`;
  if (approximateAbove === undefined) return `nearest as (${exact} ${ordered})`;
  // The approximate search filters afterwards, so it serves only who sees most of the scope.
  const above = `(select approximate from choice)`;
  return `choice as materialized (
      select t.chunks > ${approximateAbove}
             and t.chunks * 2 >= (select sum(chunk_count) from retrieval.version where scope_no = ${scope}) as approximate
        from totals t),
    near_exact as (${exact} where not ${above} ${ordered}),
    setting as materialized (
      select set_config('hnsw.iterative_scan', 'strict_order', true) as scan,
             set_config('hnsw.ef_search', least(1000, ${limit} * 2)::text, true) as ef where ${above}),
    near_any as materialized (
      select a.version_no, a.ordinal, a.distance from setting s cross join lateral (
        select e.version_no, e.ordinal, e.embedding <#> ${vector} as distance
          from ${space.table} e where e.scope_no = ${scopeNo} and s.ef is not null
         order by e.embedding <#> ${vector} limit ${limit} * 2) a),
    near_approximate as (select a.* from near_any a join visible v using (version_no) ${ordered}),
    nearest as (select * from near_exact union all select * from near_approximate)`;
}

/** How much of the final order comes back, and how many of the best with their texts. */
export interface Shown {
  readonly rows: number;
  readonly texts: number;
}

/** The final order and the texts of the best: one statement. `seeds` of the first candidates speak for the query. */
export function passagesStatement(
  view: DocumentsView,
  space: EmbeddingSpace,
  tenantId: string,
  candidates: readonly Pick<Fused, 'versionNo' | 'ordinal' | 'rank' | 'chunkId'>[],
  feedback: { readonly seeds: number; readonly weight: number },
  shown: Shown,
): { text: string; values: unknown[] } {
  const params = new Params();
  const p = params.next;
  const arrays = arraysOf(candidates, p);
  const seeds = `${p(feedback.seeds)}::int`;
  const weight = `${p(feedback.weight)}::float8`;
  const text = `
    with candidate as materialized (
      select c.*, e.embedding
        from unnest(${arrays}) with ordinality c(version_no, ordinal, rank, chunk_id, place)
        left join lateral (select embedding from ${space.table} e
                            where e.version_no = c.version_no and e.ordinal = c.ordinal) e on true),
    seed as (select avg(embedding) as centre from candidate where place <= ${seeds}),
    near as materialized (
      select c.version_no, c.ordinal, c.rank, c.chunk_id,
             greatest(coalesce(-(c.embedding <#> s.centre), 0), 0) as near from candidate c cross join seed s),
    final as (
      select n.*, case when max(near) over () > 0
                       then (1 - ${weight}) * rank + ${weight} * near / max(near) over () else rank end as final from near n),
    best as materialized (
      select *, row_number() over (order by final desc, chunk_id) as standing
        from final order by final desc, chunk_id limit ${p(shown.rows)}::int)
    select f.version_no, f.ordinal, f.final, f.chunk_id, k.start_at, k.end_at,
           k.page_start, k.page_end, k.page_breaks,
           case when f.standing <= ${p(shown.texts)}::int then k.body end as body, v.metadata,
           v.document_id as document_uid, d.document_id, ${view.source ?? `'document://' || d.document_id`} as source
      from best f
      join retrieval.chunk k using (version_no, ordinal)
      join retrieval.version v using (version_no)
      join ${view.name} d on d.tenant_id = v.tenant_id and d.id = v.document_id and d.index_version = v.version_id
     where v.tenant_id = ${p(tenantId)}
     order by f.final desc, f.chunk_id`;
  return { text, values: params.values };
}

function arraysOf(
  candidates: readonly Pick<Fused, 'versionNo' | 'ordinal' | 'rank' | 'chunkId'>[],
  next: (value: unknown) => string,
): string {
  return [
    `${next(candidates.map(({ versionNo }) => versionNo))}::bigint[]`,
    `${next(candidates.map(({ ordinal }) => ordinal))}::int[]`,
    `${next(candidates.map(({ rank }) => rank))}::float8[]`,
    `${next(candidates.map(({ chunkId }) => chunkId))}::text[]`,
  ].join(', ');
}
