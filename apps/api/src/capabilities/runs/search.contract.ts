import { Field } from '#api/http/fields.js';
import type { Retrieved } from '#infra/retrieval/found.js';
import { RetrievalTraceView, traceView } from './retrieval-trace.contract.js';

/** The body of `POST /v1/search`. */
export class SearchRequest {
  @Field.string({ does: 'Where to look for passages', min: 1, max: 256, example: 'c1' })
  corpus_id!: string;

  @Field.string({ does: 'What to look for', min: 1, max: 32_000, example: 'What are the release gates?' })
  query!: string;

  @Field.integer({ does: "How many passages; the corpus's own number when absent", min: 1, max: 50, optional: true })
  top_k?: number;

  @Field.json({
    does: 'Only passages of documents that this filter holds for',
    optional: true,
    example: { eq: ['metadata.team', 'docs'] },
  })
  filter?: Record<string, never>;

  @Field.number({
    does: 'Part of the vectors in the order, in place of what the corpus says',
    min: 0,
    max: 1,
    optional: true,
  })
  vector_weight?: number;

  @Field.boolean({ does: 'Whether candidates are looked at again; as the corpus says when absent', optional: true })
  rerank?: boolean;
}

export class FoundPassageView {
  @Field.string()
  chunk_id!: string;

  @Field.string({ example: 'doc-123' })
  document_id!: string;

  @Field.string({ example: 'document://doc-123' })
  source!: string;

  @Field.string()
  text!: string;

  @Field.number({ does: '0 to 1' })
  score!: number;

  @Field.number({ nullable: true })
  vector_score!: number | null;

  @Field.number({ nullable: true })
  lexical_score!: number | null;

  @Field.number({ nullable: true })
  rerank_score!: number | null;

  @Field.integer({ does: 'Where the passage begins in the text of the document, in UTF-16 units' })
  start!: number;

  @Field.integer({ does: 'Where it ends' })
  end!: number;

  @Field.integer({ nullable: true, does: 'The page that it begins on, from 1; null where the document has no pages' })
  page_start!: number | null;

  @Field.integer({ nullable: true, does: 'The page that it ends on' })
  page_end!: number | null;

  @Field.json({ does: 'What is known of the document' })
  metadata!: object;
}

export class SearchView {
  @Field.string({ example: 'c1' })
  corpus_id!: string;

  @Field.list(() => FoundPassageView, { does: 'Best first' })
  passages!: readonly FoundPassageView[];

  @Field.object(() => RetrievalTraceView)
  trace!: RetrievalTraceView;
}

export function searchView({ passages, trace }: Retrieved): SearchView {
  const judged = new Map(trace.candidates.map(({ chunkId, rerankScore }) => [chunkId, rerankScore]));
  return {
    corpus_id: trace.corpusId,
    passages: passages.map((passage) => ({
      chunk_id: passage.chunkId,
      document_id: passage.documentId,
      source: passage.source,
      text: passage.text,
      score: passage.score,
      vector_score: passage.vectorScore,
      lexical_score: passage.lexicalScore,
      rerank_score: judged.get(passage.chunkId) ?? null,
      start: passage.start,
      end: passage.end,
      page_start: passage.pages?.first ?? null,
      page_end: passage.pages?.last ?? null,
      metadata: passage.metadata,
    })),
    trace: traceView(trace),
  };
}
