import type { Fusion } from '#domain/kernel/retrieval/retrieval-settings.js';

/** A candidate's raw values of both legs. */
export interface Candidate {
  readonly versionNo: string;
  readonly ordinal: number;
  readonly chunkId: string;
  /** Cosine; null when the leg could not say. */
  readonly cosine: number | null;
  /** BM25 sum; 0 when no term of the query is in the chunk. */
  readonly bm25: number;
}

export interface Fused extends Candidate {
  /** Ranks within this query: 1 for the best of both legs. */
  readonly rank: number;
  /** 0 to 1: how near the vectors are. */
  readonly vectorScore: number;
  /** 0 to 1: how much of the query's weight the chunk holds; 1 when each term is in a chunk of average length. */
  readonly lexicalScore: number;
}

/** How the legs are joined. `rrfK` is the constant of reciprocal rank fusion. */
export interface FusionRule {
  readonly vectorWeight: number;
  readonly fusion: Fusion;
  readonly rrfK: number;
}

/**
 * Joins the legs: by scores, each scaled by its best value in this query, or by the reciprocals of their ranks; weighted
 * either way. Ties are broken by chunk id. `ideal` is the sum of the query's idf weights. Values that are not numbers are 0.
 */
export function fuse(candidates: readonly Candidate[], rule: FusionRule, ideal: number): Fused[] {
  const cosines = candidates.map(({ cosine }) => unit(cosine ?? 0));
  const sums = candidates.map(({ bm25 }) => (Number.isFinite(bm25) ? Math.max(0, bm25) : 0));
  const scale = rule.fusion === 'rrf' ? (values: readonly number[]) => reciprocals(values, rule.rrfK) : shares;
  const near = scale(cosines);
  const said = scale(sums);
  const fused = candidates.map((candidate, at): Fused => {
    const rank = rule.vectorWeight * (near[at] ?? 0) + (1 - rule.vectorWeight) * (said[at] ?? 0);
    const lexicalScore = ideal > 0 ? unit((sums[at] ?? 0) / ideal) : 0;
    return { ...candidate, rank, vectorScore: cosines[at] ?? 0, lexicalScore };
  });
  return fused.sort(byRank);
}

function shares(values: readonly number[]): number[] {
  const best = Math.max(0, ...values);
  return values.map((value) => (best > 0 ? value / best : 0));
}

/** 1 for the best; equal values have one rank, and what a leg did not find has none. */
function reciprocals(values: readonly number[], k: number): number[] {
  const order = [...new Set(values)].sort((a, b) => b - a);
  const ranks = new Map<number, number>();
  let before = 0;
  for (const value of order) {
    ranks.set(value, before + 1);
    before += values.filter((each) => each === value).length;
  }
  return values.map((value) => (value > 0 ? (k + 1) / (k + (ranks.get(value) ?? 1)) : 0));
}

/** How sure the best candidates are, 0 to 1, comparable between queries: ranks alone would call every best match perfect. */
export function confidence(fused: readonly Fused[], vectorWeight: number): number {
  const vector = Math.max(0, ...fused.map(({ vectorScore }) => vectorScore));
  const lexical = Math.max(0, ...fused.map(({ lexicalScore }) => lexicalScore));
  return unit(vectorWeight * vector + (1 - vectorWeight) * lexical);
}

/** How many of the best chunks speak for the query in feedback: none in a corpus so small that they would be most of it. */
export function feedbackSize(visibleChunks: number, most: number): number {
  return Math.max(0, Math.min(most, Math.floor(visibleChunks / 20)));
}

/** The number within 0 and 1; 0 when it is not a number. */
export function unit(value: number): number {
  return Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0;
}

function byRank(a: Fused, b: Fused): number {
  if (a.rank !== b.rank) return b.rank - a.rank;
  return a.chunkId < b.chunkId ? -1 : 1;
}
