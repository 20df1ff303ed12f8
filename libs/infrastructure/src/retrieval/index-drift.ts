import type { Database } from '#infra/database/database.js';
import type { CorpusEmbeddings } from './corpus-embeddings.js';
import type { Drift, DriftFigures, DriftKind, DriftScope } from './drift.js';
import type { EmbeddingSpaces } from './embedding-space.js';
import { bucketsOf, holdSegments, POSTINGS_OF_B, removePostings } from './segments.js';

export interface IndexDriftOptions {
  readonly database: Database;
  /** A relation as `DocumentsView` has it, and with `num_chunks`, `status` and `last_job_id`. */
  readonly documentsView: string;
  readonly embeddings: Pick<CorpusEmbeddings, 'serving'>;
  readonly spaces: Pick<EmbeddingSpaces, 'space'>;
  /** Versions younger than this may be under way: an hour, as the sweep has it. */
  readonly graceSeconds?: number;
}

interface ExpectedRow {
  readonly tenant_id: string;
  readonly id: string;
  readonly document_id: string;
  readonly corpus_id: string;
  readonly index_version: string;
  readonly num_chunks: number;
  readonly version_no: string | null;
  readonly chunk_count: number | null;
  readonly chunks: number;
  /** Null where it is not known which terms it has. */
  readonly terms: number | null;
  readonly posted: number;
}

interface HeldRow {
  readonly version_no: string;
  readonly tenant_id: string;
  readonly document_id: string;
  readonly version_id: string;
  readonly corpus_id: string;
  readonly chunk_count: number;
  readonly public_id: string | null;
  readonly orphaned: boolean;
}

const pageSize = 200;

/** Compares what answers questions, as the documents read model says it, with what the index holds; page by page. */
export class IndexDrift {
  private readonly graceSeconds: number;

  constructor(private readonly options: IndexDriftOptions) {
    this.graceSeconds = options.graceSeconds ?? 3_600;
  }

  /** Every difference, one after the other; `figures` grow as it goes. */
  async *find(scope: DriftScope, figures: DriftFigures, signal?: AbortSignal): AsyncGenerator<Drift> {
    yield* this.ofDocuments(scope, figures, signal);
    yield* this.ofVersions(scope, figures, signal);
    if (scope.tenantId === undefined) yield* this.ofPostings(signal);
  }

  private async *ofDocuments(scope: DriftScope, figures: DriftFigures, signal?: AbortSignal): AsyncGenerator<Drift> {
    let after: readonly [string, string] = ['', ''];
    for (;;) {
      signal?.throwIfAborted();
      const rows = await this.expected(scope, after);
      const last = rows.at(-1);
      if (last === undefined) return;
      after = [last.tenant_id, last.id];
      const found = await this.differences(rows);
      // What was ingested anew between two statements differs only once.
      const again = found.length === 0 ? [] : await this.differences(await this.expected(scope, undefined, found));
      const still = new Set(again.map(({ kind, versionId }) => `${kind} ${versionId ?? ''}`));
      yield* found.filter(({ kind, versionId }) => still.has(`${kind} ${versionId ?? ''}`));
      figures.documents += rows.length;
      figures.chunks += rows.reduce((sum, { chunks }) => sum + chunks, 0);
    }
  }

  /** A page of documents that answer questions, or those of some differences, each with what the index holds of it. */
  private async expected(
    { tenantId, corpusId }: DriftScope,
    after: readonly [string, string] = ['', ''],
    only?: readonly Drift[],
  ): Promise<readonly ExpectedRow[]> {
    return this.options.database.query<ExpectedRow>(
      `with page as (
         select tenant_id, id, document_id, corpus_id, index_version, coalesce(num_chunks, 0) as num_chunks
           from ${this.options.documentsView}
          where index_version is not null and (tenant_id, id) > ($1, $2)
            and ($3::text is null or tenant_id = $3) and ($4::text is null or corpus_id = $4)
            and ($5::text[] is null or id = any($5))
          order by tenant_id, id limit ${pageSize})
       select p.*, v.version_no, v.chunk_count,
              (select count(*)::int from retrieval.chunk c where c.version_no = v.version_no) as chunks,
              t.terms,
              (select count(distinct e.term)::int
                 from (${bucketsOf('v.scope_no', 'v.version_no')}) n
                 join retrieval.posting_bucket b using (segment_no, bucket) cross join lateral (select ${POSTINGS_OF_B}) e
                where e.version_no = v.version_no) as posted
         from page p
         left join retrieval.scope s on s.tenant_id = p.tenant_id and s.corpus_id = p.corpus_id
         left join retrieval.version v on v.tenant_id = p.tenant_id and v.document_id = p.id
               and v.version_id = p.index_version and v.scope_no = s.scope_no
         left join lateral (select count(distinct term)::int as terms
                              from retrieval.version_terms h left join lateral unnest(h.terms) u(term) on true
                             where h.version_no = v.version_no having count(*) > 0) t on true
        order by p.tenant_id, p.id`,
      [...after, tenantId ?? null, corpusId ?? null, only?.map(({ documentUid }) => documentUid) ?? null],
    );
  }

  private async differences(rows: readonly ExpectedRow[]): Promise<Drift[]> {
    const vectors = await this.vectorsOf(rows);
    return rows.flatMap((row): Drift[] => {
      const { version_no: versionNo, num_chunks: wanted } = row;
      const drift = (kind: DriftKind, expected: number, found: number): Drift[] =>
        expected === found ? [] : [{ kind, ...placeOf(row), expected, found }];
      if (versionNo === null) return [{ kind: 'version_missing', ...placeOf(row), expected: wanted, found: 0 }];
      const stored = row.chunk_count === wanted ? row.chunks : (row.chunk_count ?? 0);
      return [
        ...drift('chunks_differ', wanted, stored),
        ...drift('vectors_missing', row.chunks, vectors.get(versionNo) ?? 0),
        ...drift('postings_missing', row.terms ?? 1, row.posted),
      ];
    });
  }

  /** How many vectors each version has in the space in which its corpus is searched. */
  private async vectorsOf(rows: readonly ExpectedRow[]): Promise<ReadonlyMap<string, number>> {
    const corpora = new Map<string, ExpectedRow[]>();
    for (const row of rows) {
      const key = `${row.tenant_id}\n${row.corpus_id}`;
      if (row.version_no !== null) corpora.set(key, [...(corpora.get(key) ?? []), row]);
    }
    const counts = new Map<string, number>();
    for (const [first, ...more] of corpora.values()) {
      if (first === undefined) continue;
      const { model, dimension } = await this.options.embeddings.serving(first.tenant_id, first.corpus_id);
      const { table } = await this.options.spaces.space(model, dimension);
      const found = await this.options.database.query<{ version_no: string; vectors: number }>(
        `select version_no, count(*)::int as vectors from ${table} where version_no = any($1::bigint[]) group by version_no`,
        [[first, ...more].map(({ version_no }) => version_no)],
      );
      for (const { version_no, vectors } of found) counts.set(version_no, vectors);
    }
    return counts;
  }

  private async *ofVersions(scope: DriftScope, figures: DriftFigures, signal?: AbortSignal): AsyncGenerator<Drift> {
    let after = '0';
    for (;;) {
      signal?.throwIfAborted();
      const rows = await this.held(scope, after);
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.version_no;
      figures.versions += rows.length;
      for (const row of rows) if (row.orphaned) yield orphanOf(row);
    }
  }

  private held({ tenantId, corpusId }: DriftScope, after: string): Promise<readonly HeldRow[]> {
    return this.options.database.query<HeldRow>(
      `select v.version_no, v.tenant_id, v.document_id, v.version_id, s.corpus_id, v.chunk_count,
              d.document_id as public_id,
              v.written_at <= now() - make_interval(secs => $4) and
              not coalesce(d.index_version = v.version_id
                or (d.status in ('queued', 'processing') and d.last_job_id = v.version_id), false) as orphaned
         from retrieval.version v join retrieval.scope s using (scope_no)
         left join ${this.options.documentsView} d on d.tenant_id = v.tenant_id and d.id = v.document_id
        where v.version_no > $1 and ($2::text is null or v.tenant_id = $2) and ($3::text is null or s.corpus_id = $3)
        order by v.version_no limit ${pageSize}`,
      [after, tenantId ?? null, corpusId ?? null, this.graceSeconds],
    );
  }

  /** Postings have no foreign key, for the sake of writing them: what a version leaves behind is found by its terms. */
  private async *ofPostings(signal?: AbortSignal): AsyncGenerator<Drift> {
    let after = '0';
    for (;;) {
      signal?.throwIfAborted();
      const rows = await this.options.database.query<{ version_no: string; terms: number }>(
        `select t.version_no, sum(cardinality(t.terms))::int as terms from retrieval.version_terms t
          where t.version_no > $1 and not exists (select 1 from retrieval.version v where v.version_no = t.version_no)
          group by t.version_no order by t.version_no limit ${pageSize}`,
        [after],
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.version_no;
      for (const { version_no: versionNo, terms } of rows)
        yield { kind: 'postings_orphaned', ...nowhere, versionNo, expected: 0, found: terms };
    }
  }

  /** Writes down again which terms a version has, where that is not known, so that its postings go when it goes. */
  async recallTerms(versionNo: string): Promise<void> {
    await this.options.database.execute(
      `insert into retrieval.version_terms (version_no, terms)
       select v.version_no, coalesce(array_agg(distinct p.term) filter (where p.term is not null), '{}')
         from retrieval.version v
         left join lateral (
           select e.term from retrieval.segment g join retrieval.posting_bucket b using (segment_no)
            cross join lateral (select ${POSTINGS_OF_B}) e
            where g.scope_no = v.scope_no and v.version_no between g.first_version and g.last_version
              and e.version_no = v.version_no) p on true
        where v.version_no = $1
          and not exists (select 1 from retrieval.version_terms t where t.version_no = v.version_no)
        group by v.version_no on conflict do nothing`,
      [versionNo],
    );
  }

  /** Removes the postings of a version that is gone. */
  async dropPostings(versionNo: string): Promise<void> {
    const { database } = this.options;
    // Its scope went with it: it is one of those whose numbers it lies between.
    const scopes = 'select g.scope_no from retrieval.segment g where $1 between g.first_version and g.last_version';
    await database.transaction(async () => {
      await holdSegments(database, scopes, [versionNo]);
      const rows = await database.query<{ scope_no: number }>(`${scopes} group by 1`, [versionNo]);
      const scopeNos = rows.map(({ scope_no: scopeNo }) => scopeNo);
      await removePostings(database, scopeNos, versionNo);
    });
  }
}

const nowhere = { tenantId: null, corpusId: null, documentUid: null, documentId: null, versionId: null };

function placeOf(row: ExpectedRow) {
  const { tenant_id: tenantId, corpus_id: corpusId, id: documentUid, document_id: documentId } = row;
  return { tenantId, corpusId, documentUid, documentId, versionId: row.index_version, versionNo: row.version_no };
}

function orphanOf(row: HeldRow): Drift {
  const { tenant_id: tenantId, corpus_id: corpusId, document_id: documentUid, version_no: versionNo } = row;
  const { version_id: versionId, public_id: documentId, chunk_count: found } = row;
  const place = { tenantId, corpusId, documentUid, documentId, versionId, versionNo };
  return { kind: 'version_orphaned', ...place, expected: 0, found };
}
