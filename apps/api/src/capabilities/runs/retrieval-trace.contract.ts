import type { RetrievalTrace, TracedCandidate } from '#infra/retrieval/found.js';
import { Field } from '#api/http/fields.js';

export class TracedCandidateView {
  @Field.string()
  chunk_id!: string;

  @Field.string({ example: 'doc-123' })
  document_id!: string;

  @Field.number({ does: 'How near the vectors are, 0 to 1; null where the provider does not say', nullable: true })
  vector_score!: number | null;

  @Field.number({ does: 'How much of the words of the query it holds, 0 to 1; null as above', nullable: true })
  lexical_score!: number | null;

  @Field.number({ does: 'Of both together, 0 to 1, or as the provider said' })
  score!: number;

  @Field.integer({ does: 'Its place before candidates were looked at again, from 1' })
  fused_rank!: number;

  @Field.number({ does: 'What the reranker said; null where it was not asked', nullable: true })
  rerank_score!: number | null;

  @Field.integer({ does: 'Its place among the passages that were given; null when it is none of them', nullable: true })
  rank!: number | null;
}

export class TracedFusionView {
  @Field.enum(['weighted', 'rrf'])
  kind!: 'weighted' | 'rrf';

  @Field.number()
  vector_weight!: number;

  @Field.integer({ nullable: true })
  rrf_k!: number | null;
}

export class TracedRerankView {
  @Field.string({ nullable: true })
  model!: string | null;

  @Field.integer({ does: 'How many candidates were looked at' })
  candidates!: number;

  @Field.boolean({ does: 'False when the order is that of before' })
  applied!: boolean;
}

export class TracedTimingsView {
  @Field.number()
  retrieve!: number;

  @Field.number()
  rerank!: number;

  @Field.number()
  total!: number;
}

/** What was retrieved and why: ids and numbers, no text of a document. */
export class RetrievalTraceView {
  @Field.string({ example: 'local_pgvector' })
  provider!: string;

  @Field.string({ example: 'c1' })
  corpus_id!: string;

  @Field.integer({ does: 'How many passages were asked for' })
  k!: number;

  @Field.number({ does: 'Passages with a lower score are left out' })
  min_score!: number;

  @Field.json({ nullable: true })
  filter!: object | null;

  @Field.object(() => TracedFusionView, { does: 'Null where the provider does not say', nullable: true })
  fusion!: TracedFusionView | null;

  @Field.object(() => TracedRerankView, { does: 'Null when no second look was asked for', nullable: true })
  rerank!: TracedRerankView | null;

  @Field.strings({ does: 'Why the answer is less than it could be, by stable codes', example: ['rerank_timeout'] })
  degraded!: readonly string[];

  @Field.list(() => TracedCandidateView, { does: 'The best, in the order of before the second look' })
  candidates!: readonly TracedCandidateView[];

  @Field.object(() => TracedTimingsView)
  timings_ms!: TracedTimingsView;
}

export function traceView(trace: RetrievalTrace): RetrievalTraceView {
  const { fusion } = trace;
  return {
    provider: trace.provider,
    corpus_id: trace.corpusId,
    k: trace.k,
    min_score: trace.minScore,
    filter: trace.filter,
    fusion: fusion && { kind: fusion.kind, vector_weight: fusion.vectorWeight, rrf_k: fusion.rrfK },
    rerank: trace.rerank,
    degraded: trace.degraded,
    candidates: trace.candidates.map(candidateView),
    timings_ms: trace.timingsMs,
  };
}

function candidateView(candidate: TracedCandidate): TracedCandidateView {
  return {
    chunk_id: candidate.chunkId,
    document_id: candidate.documentId,
    vector_score: candidate.vectorScore,
    lexical_score: candidate.lexicalScore,
    score: candidate.score,
    fused_rank: candidate.fusedRank,
    rerank_score: candidate.rerankScore,
    rank: candidate.rank,
  };
}
