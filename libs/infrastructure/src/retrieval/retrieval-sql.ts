import { float4Array } from '#infra/database/binary-arrays.js';
import { hidden } from '#infra/database/database.js';
import type { EmbeddingSpace } from './embedding-space.js';
import type { Fused } from './fusion.js';
import { POSTINGS_OF_B } from './segments.js';

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

/** What questions of one corpus and one caller's sight share. */
export interface CandidateRequest {
  readonly view: DocumentsView;
  readonly space: EmbeddingSpace;
  readonly tenantId: string;
  readonly corpusId: string;
  readonly scopeNo: number;
  readonly predicates: readonly VisibilityPredicate[];
  readonly limit: number;
  readonly bm25: { readonly k1: number; readonly b: number };
  /** Occurrences to read at most: where they are more, the commonest words of the query are left out of BM25. */
  readonly hitBudget: number;
  /** Whether a plan for it is kept, and so must not hang on the questions; else it is made for each. */
  readonly kept: boolean;
  /** Above this number of visible chunks the approximate index answers; undefined: there is none. */
  readonly approximateAbove: number | undefined;
}

/** One question of those that a statement answers. */
export interface Question {
  readonly vector: Float32Array;
  readonly terms: readonly { readonly term: bigint; readonly weight: number }[];
}

/** A statement for any number of items: their values come first, as arrays; then what they share. */
export interface SharedStatement {
  readonly text: string;
  readonly shared: readonly unknown[];
}

const relation = /^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?$/u;

/**
 * One statement: the visible versions, the best of both legs among them for each question, and each candidate's value in the
 * other leg. Document frequencies and lengths are counted over exactly what is visible. `place` is the number of the question,
 * from 1; its last row has ordinal -1 and the totals. The values of the questions are `questionValues`.
 * The full join is a left join that the planner, who takes what was scored for a few rows, cannot make by
 * looking at all of them for each candidate; what candidates are is looked up one by one (`offset 0`), since to it they may be many.
 */
export function candidatesStatement(request: CandidateRequest): SharedStatement {
  const params = new Params();
  const p = params.next;
  const [places, terms, weights, numbers, vectors] = reserved(params, QUESTION_TYPES, request.kept);
  const scope = `${p(request.scopeNo)}::int`;
  const limit = `${p(request.limit)}::int`;
  const { type, dimension } = request.space;
  const text = `
    with ${visible(request, params)},
    totals as materialized (
      select coalesce(sum(chunk_count), 0)::float8 as chunks,
             greatest(coalesce(sum(term_count)::float8 / nullif(sum(chunk_count), 0), 0), 1) as length
        from visible),
    asked as materialized (
      select a.place, (${vectors}[(a.place - 1) * ${dimension} + 1 : a.place * ${dimension}])::${type} as vector
        from unnest(${numbers}) a(place)),
    ${lexical(request, params, { places, terms, weights, scope, limit })},
    ${nearest(request, scope, limit)},
    chosen as (
      select place, version_no, ordinal, true as chosen from lexical
       union select place, version_no, ordinal, true from nearest),
    candidate as (
      select place, version_no, ordinal, s.bm25
        from chosen c full join scored s using (place, version_no, ordinal) where coalesce(c.chosen, false))
    select c.place, c.version_no, c.ordinal, k.chunk_id::text as chunk_id,
           -(e.embedding <#> a.vector) as cosine, coalesce(c.bm25, 0)::float8 as bm25
      from candidate c
      join asked a using (place)
     cross join lateral (
       select chunk_id from retrieval.chunk k where k.version_no = c.version_no and k.ordinal = c.ordinal offset 0) k
      left join lateral (
        select embedding from ${request.space.table} e
         where e.version_no = c.version_no and e.ordinal = c.ordinal offset 0) e on true
    union all
    select a.place, 0, -1, null, t.chunks, (select coalesce(sum(f.idf), 0) from frequency f where f.place = a.place)
      from asked a cross join totals t`;
  return { text, shared: params.values.slice(QUESTION_TYPES.length) };
}

/** Of the arrays of `questionValues`. */
const QUESTION_TYPES = ['int', 'bigint', 'float8', 'int', 'real'];

/** The values that a statement of candidates takes first. */
export function questionValues(questions: readonly Question[]): readonly unknown[] {
  const terms = questions.flatMap((question, at) => question.terms.map((term) => ({ ...term, place: at + 1 })));
  return [
    terms.map(({ place }) => place),
    terms.map(({ term }) => String(term)),
    terms.map(({ weight }) => weight),
    questions.map((_, at) => at + 1),
    float4Array(questions.map(({ vector }) => vector)),
  ];
}

/**
 * Placeholders of arrays that are not known yet; where a plan is kept, hidden from the planner, who would else believe that another
 * one for each call pays.
 */
function reserved({ next }: Params, types: readonly string[], kept: boolean): readonly string[] {
  const placeholders = types.map((type) => `${next(undefined)}::${type}[]`);
  return kept ? placeholders.map(hidden) : placeholders.map((placeholder) => `(${placeholder})`);
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

/** BM25 of what is visible, and the best of each question by it. */
function lexical(
  { bm25, hitBudget }: CandidateRequest,
  { next }: Params,
  { places, terms, weights, scope, limit }: Readonly<Record<string, string | undefined>>,
): string {
  const k1 = `${next(bm25.k1)}::float8`;
  const b = `${next(bm25.b)}::float8`;
  // Whether a version is visible is asked of a hash of them, whatever the planner takes their number for.
  return `matched as materialized (
      select q.term, e.version_no, e.hit
        from retrieval.segment g
       cross join (select distinct u.term from unnest(${terms}) u(term)) q
       cross join lateral (
         select ${POSTINGS_OF_B} from retrieval.posting_bucket b
          where b.segment_no = g.segment_no and b.bucket = q.term >> g.shift and q.term = any(b.terms)) e
       where g.scope_no = ${scope} and e.term = q.term
         and coalesce(e.version_no in (select v.version_no from visible v), false)),
    found as (select term, count(*)::float8 as found from matched group by term),
    weighed as (
      select q.place, q.term, q.found, q.weight * ln(1 + (t.chunks - q.found + 0.5) / (q.found + 0.5)) as idf
        from (select u.place, u.term, u.weight, coalesce(f.found, 0) as found
                from unnest(${places}, ${terms}, ${weights}) u(place, term, weight)
                left join found f using (term)) q
       cross join totals t),
    frequency as materialized (
      select place, term, idf,
             sum(found) over rarest <= ${next(hitBudget)}::float8 or row_number() over rarest <= 2 as read
        from weighed window rarest as (partition by place order by idf desc, term)),
    scored as materialized (
      select f.place, m.version_no, (m.hit >> 32)::int as ordinal,
             sum(f.idf * ((m.hit >> 16) & 65535) * (${k1} + 1) /
                 (((m.hit >> 16) & 65535) + ${k1} * (1 - ${b} + ${b} * (m.hit & 65535) / t.length))) as bm25
        from matched m join frequency f on f.term = m.term and f.read cross join totals t
       group by 1, 2, 3),
    lexical as (
      select a.place, l.version_no, l.ordinal from asked a cross join lateral (
        select version_no, ordinal from scored s where s.place = a.place
         order by bm25 desc, version_no, ordinal limit ${limit}) l)`;
}

function nearest(request: CandidateRequest, scope: string, limit: string): string {
  const { space, approximateAbove, scopeNo } = request;
  const ofEach = (name: string, rows: string): string => `${name} as (
      select a.place, n.version_no, n.ordinal, n.distance from asked a cross join lateral (
        ${rows} order by distance, version_no, ordinal limit ${limit}) n)`;
  // The addition keeps the planner from an approximate index, whose few hits may all be of versions that are not visible.
  const exact = `select e.version_no, e.ordinal, (e.embedding <#> a.vector) + 0 as distance
          from visible v join ${space.table} e on e.version_no = v.version_no and e.scope_no = ${scope}`;
  if (approximateAbove === undefined) return ofEach('nearest', exact);
  // The approximate search filters afterwards, so it serves only who sees most of the scope.
  const above = `(select approximate from choice)`;
  return `choice as materialized (
      select t.chunks > ${approximateAbove}
             and t.chunks * 2 >= (select sum(chunk_count) from retrieval.version where scope_no = ${scope}) as approximate
        from totals t),
    ${ofEach('near_exact', `${exact} where not ${above}`)},
    setting as materialized (
      select set_config('hnsw.iterative_scan', 'strict_order', true) as scan,
             set_config('hnsw.ef_search', least(1000, ${limit} * 2)::text, true) as ef where ${above}),
    near_any as materialized (
      select q.place, a.version_no, a.ordinal, a.distance from setting s cross join asked q cross join lateral (
        select e.version_no, e.ordinal, e.embedding <#> q.vector as distance
          from ${space.table} e where e.scope_no = ${scopeNo} and s.ef is not null
         order by e.embedding <#> q.vector limit ${limit} * 2) a),
    ${ofEach('near_approximate', `select y.* from near_any y join visible v using (version_no) where y.place = a.place`)},
    nearest as (select * from near_exact union all select * from near_approximate)`;
}

/** How much of the final order comes back, and how many of the best with their texts. */
export interface Shown {
  readonly rows: number;
  readonly texts: number;
}

/** The candidates of one question in their order; the first `seeds` speak for the query with `weight`. */
export interface Ranking {
  readonly candidates: readonly Pick<Fused, 'versionNo' | 'ordinal' | 'rank' | 'chunkId'>[];
  readonly seeds: number;
  readonly weight: number;
}

/** The final order of each ranking and the texts of its best: one statement. Its first values are `rankingValues`. */
export function passagesStatement(
  view: DocumentsView,
  space: EmbeddingSpace,
  tenantId: string,
  shown: Shown,
): SharedStatement {
  const params = new Params();
  const p = params.next;
  const text = `
    with ${ranked(space, params, shown)}
    select f.place, f.version_no, f.ordinal, f.final, f.chunk_id, k.start_at, k.end_at,
           k.page_start, k.page_end, k.page_breaks,
           case when f.standing <= ${p(shown.texts)}::int then k.body end as body, v.metadata,
           v.document_id as document_uid, d.document_id, ${view.source ?? `'document://' || d.document_id`} as source
      from best f
      join retrieval.chunk k using (version_no, ordinal)
      join retrieval.version v using (version_no)
      join ${view.name} d on d.tenant_id = v.tenant_id and d.id = v.document_id and d.index_version = v.version_id
     where v.tenant_id = ${p(tenantId)}
     order by f.place, f.final desc, f.chunk_id`;
  return { text, shared: params.values.slice(RANKING_TYPES.length) };
}

/** The candidates of each ranking in their final order. */
function ranked(space: EmbeddingSpace, params: Params, shown: Shown): string {
  const [seeds, weights, ...columns] = reserved(params, RANKING_TYPES, true);
  return `asked as (
      select a.place::int as place, a.seeds, a.weight
        from unnest(${seeds}, ${weights}) with ordinality a(seeds, weight, place)),
    candidate as materialized (
      select c.*, e.embedding
        from unnest(${columns.join(', ')})
               c(place, standing, version_no, ordinal, rank, chunk_id)
        left join lateral (select embedding from ${space.table} e
                            where e.version_no = c.version_no and e.ordinal = c.ordinal) e on true),
    seed as (
      select a.place, avg(c.embedding) as centre from asked a join candidate c using (place)
       where c.standing <= a.seeds group by a.place),
    near as materialized (
      select c.place, c.version_no, c.ordinal, c.rank, c.chunk_id, a.weight,
             greatest(coalesce(-(c.embedding <#> s.centre), 0), 0) as near
        from candidate c join asked a using (place) left join seed s using (place)),
    final as (
      select n.*, case when max(near) over (partition by place) > 0
                       then (1 - weight) * rank + weight * near / max(near) over (partition by place)
                       else rank end as final from near n),
    best as materialized (
      select * from (select *, row_number() over (partition by place order by final desc, chunk_id) as standing from final) f
       where standing <= ${params.next(shown.rows)}::int)`;
}

/** Of the arrays of `rankingValues`. */
const RANKING_TYPES = ['int', 'float8', 'int', 'int', 'bigint', 'int', 'float8', 'text'];

/** The values that a statement of passages takes first. */
export function rankingValues(rankings: readonly Ranking[]): readonly (readonly unknown[])[] {
  const candidates = rankings.flatMap((ranking, at) =>
    ranking.candidates.map((candidate, standing) => ({ ...candidate, place: at + 1, standing: standing + 1 })),
  );
  return [
    rankings.map(({ seeds }) => seeds),
    rankings.map(({ weight }) => weight),
    candidates.map(({ place }) => place),
    candidates.map(({ standing }) => standing),
    candidates.map(({ versionNo }) => versionNo),
    candidates.map(({ ordinal }) => ordinal),
    candidates.map(({ rank }) => rank),
    candidates.map(({ chunkId }) => chunkId),
  ];
}
