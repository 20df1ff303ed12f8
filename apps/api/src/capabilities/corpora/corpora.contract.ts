import { Field } from '#api/http/fields.js';

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
}

export class PatchCorpusRequest {
  @Field.string({ does: 'A new name', min: 1, max: 200, optional: true })
  name?: string;

  @Field.json({ does: 'Where its passages come from; `{}` is local retrieval', optional: true })
  provider_config_json?: Record<string, never>;
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

  @Field.instant({ example: '2026-01-02T03:04:05.678Z' })
  created_at!: string;
}
