import type { Fusion, RetrievalSettings } from '#domain/kernel/retrieval/retrieval-settings.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Passage, RetrievalQuery } from './passage.js';

/** One candidate, by id: never what it says. Scores are 0 to 1; null where nobody gave one. */
export interface Candidacy {
  readonly chunkId: string;
  readonly documentId: string;
  readonly vectorScore: number | null;
  readonly lexicalScore: number | null;
  /** Of both legs together, with feedback; or as the provider said. */
  readonly score: number;
}

/** What a provider found, best first. The candidates hold the passages, and more that were not good enough. */
export interface Found {
  readonly passages: readonly Passage[];
  readonly candidates: readonly Candidacy[];
  /** How the legs were joined; null where the provider does not say. */
  readonly fusion: { readonly kind: Fusion; readonly vectorWeight: number; readonly rrfK: number | null } | null;
}

/** One place where passages come from. `k` passages with their texts, after the corpus's own settings. */
export interface ProviderSearch {
  search(query: RetrievalQuery, settings: RetrievalSettings): Promise<Found>;
}

/** A candidate's way through one search. */
export interface TracedCandidate extends Candidacy {
  /** 1 for the best before the second look. */
  readonly fusedRank: number;
  readonly rerankScore: number | null;
  /** Its place among the passages that were given, from 1; null when it is not one of them. */
  readonly rank: number | null;
}

/** What was retrieved and why: ids and numbers, no text of a document. */
export interface RetrievalTrace {
  readonly provider: string;
  readonly corpusId: string;
  readonly k: number;
  readonly minScore: number;
  /** As a caller writes it. */
  readonly filter: JsonObject | null;
  readonly fusion: Found['fusion'];
  readonly candidates: readonly TracedCandidate[];
  /** Null when no second look was asked for. */
  readonly rerank: { readonly model: string | null; readonly candidates: number; readonly applied: boolean } | null;
  /** Why the answer is less than it could be, by stable codes. */
  readonly degraded: readonly string[];
  readonly timingsMs: { readonly retrieve: number; readonly rerank: number; readonly total: number };
}

/** Passages with the reasons for them. */
export interface Retrieved {
  readonly passages: readonly Passage[];
  readonly trace: RetrievalTrace;
}

/** A query to whichever provider its corpus names. */
export interface CorpusQuery extends RetrievalQuery {
  readonly providerConfig: JsonObject;
  /** Whether candidates get a second look; undefined: as the corpus says. */
  readonly rerank?: boolean | undefined;
  /** In place of the corpus's own. */
  readonly vectorWeight?: number | undefined;
}

/** Finds passages for a query in a corpus of any provider, and says why it gave them. */
export interface CorpusSearch {
  search(query: CorpusQuery): Promise<Retrieved>;
}
