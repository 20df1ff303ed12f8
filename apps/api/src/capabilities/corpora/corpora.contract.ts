import { embeddingProviders, type EmbeddingProvider } from '#domain/kernel/embedding.js';
import { Field } from '#api/http/fields.js';

export class EmbeddingRequest {
  @Field.enum(embeddingProviders, { does: 'Whose model makes the vectors' })
  provider!: EmbeddingProvider;

  @Field.string({
    does: "One of the offered models; the provider's configured one without it",
    max: 200,
    optional: true,
  })
  model?: string;

  @Field.integer({
    does: 'The length of the vectors, where the model leaves a choice',
    min: 1,
    max: 4_000,
    optional: true,
  })
  dimension?: number;
}

export class CreateCorpusRequest {
  @Field.string({
    does: 'The id that documents and runs name',
    min: 1,
    max: 128,
    pattern: /^[A-Za-z0-9._:-]+$/,
    example: 'c2',
  })
  id!: string;

  @Field.string({ does: 'A name for people', min: 1, max: 200, example: 'Handbook' })
  name!: string;

  @Field.json({ does: 'Where its passages come from; `{}` is local retrieval', default: {} })
  provider_config_json!: Record<string, never>;

  @Field.object(() => EmbeddingRequest, {
    does: 'The model of its vectors; that of the platform without it',
    optional: true,
  })
  embedding_json?: EmbeddingRequest;
}

export class PatchCorpusRequest {
  @Field.string({ does: 'A new name', min: 1, max: 200, optional: true })
  name?: string;

  @Field.json({ does: 'Where its passages come from; `{}` is local retrieval', optional: true })
  provider_config_json?: Record<string, never>;

  @Field.object(() => EmbeddingRequest, {
    does: 'Another model for its vectors: all of it is embedded beside those that answer, then they are swapped at once',
    optional: true,
  })
  embedding_json?: EmbeddingRequest;
}

export class EmbeddingProgressView {
  @Field.integer({ does: 'Versions of documents that are written now', min: 0, example: 120 })
  versions!: number;

  @Field.integer({ does: 'Those of them that have vectors of the new model', min: 0, example: 80 })
  embedded!: number;
}

class EmbeddingChoiceView {
  @Field.string({ example: 'hashing' })
  provider!: string;

  @Field.string({ example: 'hashing-v1' })
  model!: string;

  @Field.integer({ example: 384 })
  dimension!: number;
}

class NextEmbeddingView extends EmbeddingChoiceView {
  @Field.object(() => EmbeddingProgressView)
  progress!: EmbeddingProgressView;
}

class FailedEmbeddingView extends EmbeddingChoiceView {
  @Field.string({ example: 'EMBEDDING_AUTH_ERROR' })
  reason!: string;
}

export class CorpusEmbeddingView extends EmbeddingChoiceView {
  @Field.enum(['ready', 'reembedding', 'failed'], {
    does: 'Questions are answered by this model in each: `reembedding` while another is on its way, `failed` when that came to nothing',
  })
  status!: 'ready' | 'reembedding' | 'failed';

  @Field.object(() => NextEmbeddingView, { nullable: true })
  next!: NextEmbeddingView | null;

  @Field.object(() => FailedEmbeddingView, { nullable: true })
  failure!: FailedEmbeddingView | null;
}

export class CorpusView {
  @Field.string({ example: 'c1' })
  id!: string;

  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.string({ example: 'Demo' })
  name!: string;

  @Field.json({ example: { retrieval: { provider: 'local_pgvector', top_k_default: 5 } } })
  provider_config_json!: object;

  @Field.object(() => CorpusEmbeddingView, {
    does: 'The model whose vectors answer; null for a corpus from before that was recorded',
    nullable: true,
  })
  embedding!: CorpusEmbeddingView | null;

  @Field.instant({ example: '2026-01-02T03:04:05.678Z' })
  created_at!: string;
}
