import type { Fusion, RetrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import { termCounts } from '#domain/kernel/text/tokenizer.js';
import type { EmbedContext, Embedder } from '#infra/adapters/embedding/embedder.js';
import type { Database } from '#infra/database/database.js';
import { storedPages } from './chunk-pages.js';
import { oneEmbedder, type CorpusEmbeddings } from './corpus-embeddings.js';
import { EmbeddingSpaces, type EmbeddingSpace } from './embedding-space.js';
import { filterSql } from './filter-sql.js';
import type { Found, ProviderSearch } from './found.js';
import { confidence, feedbackSize, fuse, type FusionRule } from './fusion.js';
import type { ChunkCipher, Passage, PassageSearch, RetrievalQuery } from './passage.js';
import { QueryVectors } from './query-vectors.js';
import {
  candidacyOf,
  candidatesOf,
  nothing,
  scoredRows,
  type CandidateRow,
  type PassageRow,
  type ScoredRow,
} from './retrieval-rows.js';
import {
  candidatesStatement,
  passagesStatement,
  questionValues,
  rankingValues,
  type DocumentsView,
  type Question,
  type Ranking,
  type SharedStatement,
  type VisibilityPredicate,
} from './retrieval-sql.js';
import { SharedLookups } from './shared-lookups.js';
import type { TermHasher } from './term-hasher.js';
import { VectorIndexes } from './vector-indexes.js';

export interface RetrievalTuning {
  /** Part of the vectors in the rank, 0 to 1; the rest is BM25's. A corpus may say otherwise. */
  readonly vectorWeight: number;
  readonly fusion: Fusion;
  /** The constant of reciprocal rank fusion. */
  readonly rrfK: number;
  readonly k1: number;
  readonly b: number;
  /** Candidates of each leg; never fewer than four times k. */
  readonly candidates: number;
  /** Most chunks that speak for the query in feedback, and the part of their nearness in the final rank. 0: none. */
  readonly feedbackSeeds: number;
  readonly feedbackWeight: number;
  /** Visible chunks up to which the search is exact; above, an HNSW index answers if there is one. */
  readonly exactUpTo: number;
  /** Occurrences of query words that are read; beyond it the commonest words, but never the rarest two, are left out. */
  readonly hitBudget: number;
}

/**
 * From the literature (k1 and b: Okapi, Lucene; k of fusion: Cormack et al. 2009), not fitted to a collection; the README says
 * what chose each. The bounds of exact search and of hits: `test/bench/retrieval.bench.ts`.
 */
export const defaultTuning: RetrievalTuning = {
  vectorWeight: 0.3,
  fusion: 'weighted',
  rrfK: 60,
  k1: 1.2,
  b: 0.75,
  candidates: 100,
  feedbackSeeds: 5,
  feedbackWeight: 0.5,
  exactUpTo: 30_000,
  hitBudget: 60_000,
};

export interface RetrieverOptions {
  readonly database: Database;
  /** That of every corpus, unless `embeddings` tells corpora apart. */
  readonly embedder: Embedder;
  readonly embeddings?: CorpusEmbeddings;
  readonly cipher: ChunkCipher;
  readonly hasher: TermHasher;
  readonly documents: DocumentsView;
  readonly spaces?: EmbeddingSpaces;
  readonly indexes?: VectorIndexes;
  readonly tuning?: Partial<RetrievalTuning>;
}

/** How the statements of a search go out. */
type Look = 'query' | 'queryPrepared' | 'shared';

/** What candidates are looked at for. */
interface Sought {
  readonly tenantId: string;
  readonly scopeNo: number;
  readonly space: EmbeddingSpace;
  readonly look: Look;
  readonly k: number;
  readonly rule: FusionRule;
}

const mostTerms = 64;
/** Visible chunks up to which questions go out together: above, to answer one takes longer than to start a statement. */
const SHARED_UP_TO = 2_000;
const MOST_SIZES = 50_000;
/** Candidates that a trace tells of, also where few passages are asked for. */
const leastTraced = 20;

/** Hybrid search in two statements: candidates of both legs with exact values, then the texts of the best. */
export class Retriever implements PassageSearch, ProviderSearch {
  readonly tuning: RetrievalTuning;
  private readonly spaces: EmbeddingSpaces;
  private readonly indexes: VectorIndexes;
  private readonly embeddings: CorpusEmbeddings;
  private readonly queryVectors = new QueryVectors();
  /** Chunks that the last search of a scope saw. */
  private readonly sizes = new Map<number, number>();
  private readonly questions: SharedLookups<Question, readonly CandidateRow[]>;
  private readonly rankings: SharedLookups<Ranking, readonly PassageRow[]>;

  constructor(private readonly options: RetrieverOptions) {
    this.tuning = { ...defaultTuning, ...options.tuning };
    this.spaces = options.spaces ?? new EmbeddingSpaces(options.database);
    this.indexes = options.indexes ?? new VectorIndexes(options.database);
    this.embeddings = options.embeddings ?? oneEmbedder(options.embedder);
    const { database } = options;
    // Of many callers: in the transaction of none of them.
    const apart = <R>(text: string, values: readonly unknown[]) =>
      database.detached(() => database.queryPrepared<R>(text, values));
    this.questions = new SharedLookups(async (text, shared, items) =>
      ofEach(items, await apart<CandidateRow>(text, [...questionValues(items), ...shared])),
    );
    this.rankings = new SharedLookups(async (text, shared, items) =>
      ofEach(items, await apart<PassageRow>(text, [...rankingValues(items), ...shared])),
    );
  }

  async retrieve(query: RetrievalQuery): Promise<Passage[]> {
    return [...(await this.search(query)).passages];
  }

  async search(query: RetrievalQuery, settings: Partial<RetrievalSettings> = {}): Promise<Found> {
    const rule = this.ruleOf(settings);
    const k = Math.max(1, Math.min(200, Math.trunc(query.k) || 1));
    const scopeNo = await this.spaces.findScope(query.tenantId, query.corpusId);
    if (scopeNo === undefined) return nothing(rule);
    const embedder = await this.embedderOf(query);
    const space = await this.spaces.space(embedder.model, embedder.dimension);
    const vector = await this.queryVectors.of(embedder, query.query, contextOf(query));
    if (vector?.length !== space.dimension || !vector.every(Number.isFinite)) return nothing(rule);
    query.signal?.throwIfAborted();
    const approximateAbove = (await this.indexes.has(space, scopeNo)) ? this.tuning.exactUpTo : undefined;
    const look = this.lookOf(query, scopeNo, approximateAbove);
    const statement = candidatesStatement({
      view: this.options.documents,
      space,
      tenantId: query.tenantId,
      corpusId: query.corpusId,
      scopeNo,
      predicates: predicatesOf(query),
      limit: Math.max(this.tuning.candidates, 4 * k),
      hitBudget: this.tuning.hitBudget,
      bm25: { k1: this.tuning.k1, b: this.tuning.b },
      kept: look !== 'query',
      approximateAbove,
    });
    const question = { vector, terms: this.queryTerms(query) };
    const attempt = async (again: boolean): Promise<Found> => {
      const rows = await this.candidates(look, statement, question);
      query.signal?.throwIfAborted();
      const found = await this.best({ tenantId: query.tenantId, scopeNo, space, look, k, rule }, rows);
      // A reindex between the two statements takes candidates away: the second look sees its new version.
      return found.complete || again ? found : attempt(true);
    };
    return attempt(false);
  }

  private async embedderOf({ embedding, tenantId, corpusId }: RetrievalQuery): Promise<Embedder> {
    return embedding == null ? this.embeddings.serving(tenantId, corpusId) : this.embeddings.of(embedding);
  }

  private async candidates(
    look: Look,
    { text, shared }: SharedStatement,
    question: Question,
  ): Promise<readonly CandidateRow[]> {
    if (look === 'shared') return this.questions.run(text, shared, question);
    return this.options.database[look]<CandidateRow>(text, [...questionValues([question]), ...shared]);
  }

  private async passages(
    look: Look,
    { text, shared }: SharedStatement,
    ranking: Ranking,
  ): Promise<readonly PassageRow[]> {
    if (look === 'shared') return this.rankings.run(text, shared, ranking);
    return this.options.database.queryPrepared<PassageRow>(text, [...rankingValues([ranking]), ...shared]);
  }

  /**
   * Alone and not prepared where the text of the statement is one of many, as with an index, whose scope the text names: plans
   * for each would fill the server's memory. With others where the answer is a matter of a moment, outside of transactions.
   */
  private lookOf({ filter, mayRead }: RetrievalQuery, scopeNo: number, approximateAbove: number | undefined): Look {
    const varies = filter !== undefined || mayRead?.varies === true;
    if (approximateAbove !== undefined || varies) return 'query';
    if (this.options.database.inTransaction) return 'queryPrepared';
    return (this.sizes.get(scopeNo) ?? Infinity) <= SHARED_UP_TO ? 'shared' : 'queryPrepared';
  }

  private noteSize(scopeNo: number, chunks: number): void {
    if (this.sizes.size >= MOST_SIZES) this.sizes.clear();
    this.sizes.set(scopeNo, chunks);
  }

  private ruleOf({ vectorWeight, fusion = this.tuning.fusion, rrfK }: Partial<RetrievalSettings>): FusionRule {
    // Ranks say nothing of how much better one leg is, so that both count the same unless told otherwise.
    const byDefault = fusion === 'rrf' ? 0.5 : this.tuning.vectorWeight;
    return { vectorWeight: vectorWeight ?? byDefault, fusion, rrfK: rrfK ?? this.tuning.rrfK };
  }

  private async best(
    { tenantId, scopeNo, space, look, k, rule }: Sought,
    rows: readonly CandidateRow[],
  ): Promise<Found & { readonly complete: boolean }> {
    const totals = rows.find(({ ordinal }) => ordinal === -1);
    this.noteSize(scopeNo, totals?.cosine ?? 0);
    const fused = fuse(candidatesOf(rows), rule, totals?.bm25 ?? 0);
    if (fused.length === 0) return { ...nothing(rule), complete: true };
    const { feedbackWeight, feedbackSeeds } = this.tuning;
    const seeds = feedbackSize(totals?.cosine ?? 0, feedbackSeeds);
    const ranking = { candidates: fused, seeds, weight: seeds === 0 ? 0 : feedbackWeight };
    const shown = { rows: Math.max(k, leastTraced), texts: k };
    const statement = passagesStatement(this.options.documents, space, tenantId, shown);
    const found = await this.passages(look, statement, ranking);
    const scored = scoredRows(found, fused, confidence(fused, rule.vectorWeight));
    return {
      ...nothing(rule),
      passages: await this.open(tenantId, scored),
      candidates: scored.map(candidacyOf),
      complete: found.length === Math.min(shown.rows, fused.length),
    };
  }

  private async open(tenantId: string, rows: readonly ScoredRow[]): Promise<Passage[]> {
    const opened = await Promise.all(
      rows.map(async (row): Promise<Passage | undefined> => {
        if (row.body === null) return undefined;
        const bytes = await this.options.cipher.decrypt(tenantId, row.document_uid, row.body);
        if (bytes === undefined) return undefined;
        return {
          ...candidacyOf(row),
          documentUid: row.document_uid,
          source: row.source,
          ordinal: row.ordinal,
          text: Buffer.from(bytes).toString('utf8'),
          start: row.start_at,
          end: row.end_at,
          pages: storedPages(row),
          metadata: row.metadata,
        };
      }),
    );
    return opened.filter((passage) => passage !== undefined);
  }

  private queryTerms({ tenantId, query }: RetrievalQuery): { term: bigint; weight: number }[] {
    return [...termCounts(query)]
      .slice(0, mostTerms)
      .map(([word, weight]) => ({ term: this.options.hasher.hash(tenantId, word), weight }));
  }
}

/** The rows of each item, in order. */
function ofEach<R extends { readonly place: number }>(items: readonly unknown[], rows: readonly R[]): (readonly R[])[] {
  const each = items.map((): R[] => []);
  for (const row of rows) each[row.place - 1]?.push(row);
  return each;
}

function contextOf({ tenantId, signal }: RetrievalQuery): EmbedContext {
  return { tenantId, purpose: 'query', ...(signal && { signal }) };
}

function predicatesOf({ documentFilter, mayRead, filter }: RetrievalQuery): VisibilityPredicate[] {
  const predicates: VisibilityPredicate[] = [];
  if (documentFilter !== undefined)
    predicates.push((alias, next) => `${alias}.id = any(${next([...documentFilter])}::text[])`);
  if (mayRead !== undefined) predicates.push(mayRead);
  if (filter !== undefined)
    predicates.push((document, next) => filterSql(filter, { document, metadata: 'v.metadata' }, next));
  return predicates;
}
