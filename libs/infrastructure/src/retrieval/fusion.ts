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

/**
 * Joins the legs: each is scaled by its best value in this query, then weighted. Ties are broken by chunk id.
 * `ideal` is the sum of the query's idf weights. Values that are not numbers count as 0.
 */
export function fuse(candidates: readonly Candidate[], vectorWeight: number, ideal: number): Fused[] {
  const cosines = candidates.map(({ cosine }) => unit(cosine ?? 0));
  const sums = candidates.map(({ bm25 }) => (Number.isFinite(bm25) ? Math.max(0, bm25) : 0));
  const bestCosine = Math.max(0, ...cosines);
  const bestSum = Math.max(0, ...sums);
  const share = (value: number, best: number): number => (best > 0 ? value / best : 0);
  const fused = candidates.map((candidate, at): Fused => {
    const cosine = cosines[at] ?? 0;
    const sum = sums[at] ?? 0;
    return {
      ...candidate,
      rank: vectorWeight * share(cosine, bestCosine) + (1 - vectorWeight) * share(sum, bestSum),
      vectorScore: cosine,
      lexicalScore: unit(share(sum, ideal)),
    };
  });
  return fused.sort(byRank);
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
