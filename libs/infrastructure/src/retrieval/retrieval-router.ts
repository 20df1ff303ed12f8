import { performance } from 'node:perf_hooks';
import { CatalogueError } from '#domain/kernel/errors.js';
import { filterJson } from '#domain/kernel/filter/metadata-filter.js';
import {
  retrievalSettings,
  type RerankSettings,
  type RetrievalProvider,
  type RetrievalSettings,
} from '#domain/kernel/retrieval/retrieval-settings.js';
import type { Reranker } from '#infra/adapters/rerank/reranker.js';
import { retrievalErrors } from '#infra/adapters/retrieval/retrieval-errors.js';
import type { CorpusQuery, CorpusSearch, Found, ProviderSearch, Retrieved } from './found.js';
import { unit } from './fusion.js';
import type { Passage } from './passage.js';

export interface RouterOptions {
  readonly providers: Readonly<Record<RetrievalProvider, ProviderSearch & { close?(): Promise<void> }>>;
  readonly reranker: Reranker;
  /** How many candidates get a second look unless a corpus says otherwise. */
  readonly rerankCandidates: number;
  /** Told of failures that are nobody's fault but ours. */
  readonly onProblem: (error: unknown) => void;
}

/** A second look that is to be taken. */
interface Look {
  readonly settings: RerankSettings;
  readonly candidates: number;
}

interface Judged {
  readonly passages: readonly Passage[];
  readonly scores: ReadonlyMap<string, number>;
  readonly problem: string | undefined;
}

/** Asks the provider that a corpus names, has candidates looked at again, and says what led to the passages. */
export class RetrievalRouter implements CorpusSearch {
  constructor(private readonly options: RouterOptions) {}

  async search(query: CorpusQuery): Promise<Retrieved> {
    const began = performance.now();
    const settings = settingsOf(query);
    const { provider } = settings;
    if (provider === undefined) throw new CatalogueError(retrievalErrors.configInvalid);
    const look = this.lookOf(query, settings);
    const k = Math.max(query.k, look?.candidates ?? 0);
    const found = await this.found(provider, { ...query, k }, settings);
    const retrievedAt = performance.now();
    const judged = look === undefined ? unjudged(found) : await this.judge(query, found, look);
    const passages = givenOf(judged, query, settings, look);
    const timingsMs = {
      retrieve: rounded(retrievedAt - began),
      rerank: look === undefined ? 0 : rounded(performance.now() - retrievedAt),
      total: rounded(performance.now() - began),
    };
    const trace = {
      ...{ provider, corpusId: query.corpusId, k: query.k, minScore: settings.minScore, fusion: found.fusion },
      filter: query.filter === undefined ? null : filterJson(query.filter),
      candidates: tracedCandidates(found, judged, passages),
      rerank: look === undefined ? null : this.rerankTrace(found, judged, look),
      degraded: judged.problem === undefined ? [] : [judged.problem],
      timingsMs,
    };
    return { passages, trace };
  }

  /** Lets go of the connections to other services. */
  async close(): Promise<void> {
    for (const provider of Object.values(this.options.providers)) await provider.close?.();
  }

  private async found(provider: RetrievalProvider, query: CorpusQuery, settings: RetrievalSettings): Promise<Found> {
    try {
      return await this.options.providers[provider].search(query, settings);
    } catch (error) {
      query.signal?.throwIfAborted();
      if (error instanceof CatalogueError) throw error;
      this.options.onProblem(error);
      throw new CatalogueError(retrievalErrors.failed, undefined, { cause: error });
    }
  }

  /** The request decides, then the corpus, then whether the server has a reranker at all. */
  private lookOf({ rerank, k }: CorpusQuery, settings: RetrievalSettings): Look | undefined {
    const byCorpus = settings.rerank ?? (this.options.reranker.configured ? {} : false);
    if (rerank === false || (rerank === undefined && byCorpus === false)) return undefined;
    const said = byCorpus === false ? {} : byCorpus;
    return { settings: said, candidates: Math.max(k, said.candidates ?? this.options.rerankCandidates) };
  }

  private async judge(query: CorpusQuery, found: Found, { settings }: Look): Promise<Judged> {
    if (found.passages.length === 0) return unjudged(found);
    const { tenantId, signal } = query;
    const texts = found.passages.map(({ text }) => text);
    const { url, model } = settings;
    const judgements = await this.options.reranker.rerank({ tenantId, query: query.query, texts, url, model, signal });
    if (typeof judgements === 'string') return { ...unjudged(found), problem: judgements };
    const scores = new Map<string, number>();
    const first: Passage[] = [];
    for (const { index, score } of judgements) {
      const passage = found.passages[index];
      if (passage === undefined) continue;
      scores.set(passage.chunkId, score);
      first.push({ ...passage, score: unit(score) });
    }
    // What the reranker left out stands behind what it judged, and no better than the last of it.
    const floor = first.at(-1)?.score ?? 1;
    const rest = found.passages.filter(({ chunkId }) => !scores.has(chunkId));
    const others = rest.map((passage) => ({ ...passage, score: Math.min(floor, passage.score) }));
    return { passages: [...first, ...others], scores, problem: undefined };
  }

  private rerankTrace(found: Found, { scores, problem }: Judged, { settings }: Look) {
    const model = this.options.reranker.modelOf(settings);
    return { model, candidates: found.passages.length, applied: problem === undefined && scores.size > 0 };
  }
}

function settingsOf({ providerConfig, vectorWeight }: CorpusQuery): RetrievalSettings {
  const settings = retrievalSettings(providerConfig);
  return vectorWeight === undefined ? settings : { ...settings, vectorWeight };
}

function givenOf(judged: Judged, { k }: CorpusQuery, { minScore }: RetrievalSettings, look: Look | undefined) {
  const most = Math.min(k, look?.settings.topN ?? k);
  return judged.passages.filter(({ score }) => score >= minScore).slice(0, most);
}

function unjudged({ passages }: Found): Judged {
  return { passages, scores: new Map(), problem: undefined };
}

function tracedCandidates(found: Found, { scores }: Judged, given: readonly Passage[]) {
  const ranks = new Map(given.map(({ chunkId }, at) => [chunkId, at + 1]));
  return found.candidates.map((candidate, at) => ({
    ...candidate,
    fusedRank: at + 1,
    rerankScore: scores.get(candidate.chunkId) ?? null,
    rank: ranks.get(candidate.chunkId) ?? null,
  }));
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
