import { Field } from '#api/http/fields.js';
import { PageQuery } from '#api/http/paging.js';

const statuses = ['running', 'succeeded', 'failed', 'cancelled'] as const;

export class RunListQuery extends PageQuery {
  @Field.enum(statuses, { does: 'Only runs that stand so', optional: true })
  status?: string;

  @Field.string({ does: 'Only runs that asked this corpus', min: 1, max: 256, optional: true })
  corpus_id?: string;

  @Field.instant({ does: 'Only runs that began at this time or later', optional: true })
  from?: string;

  @Field.instant({ does: 'Only runs that began before this time', optional: true })
  to?: string;
}

export class RunCitation {
  @Field.string({ example: 'notes.txt' })
  source!: string;

  @Field.string({ example: 'doc-123' })
  document_id!: string;

  @Field.string()
  chunk_id!: string;

  @Field.integer()
  start!: number;

  @Field.integer()
  end!: number;

  @Field.integer({ nullable: true, does: 'The page that it begins on, from 1; null where the document has no pages' })
  page_start!: number | null;

  @Field.integer({ nullable: true, does: 'The page that it ends on' })
  page_end!: number | null;

  @Field.number({ does: '0 to 1' })
  score!: number;
}

export class RunView {
  @Field.string({ example: '01900000-0000-7000-8000-00000000000a' })
  id!: string;

  @Field.string({ does: 'The name of its session', example: 's1' })
  session_id!: string;

  @Field.string({ nullable: true, does: 'Who asked; null where it was not told' })
  user_id!: string | null;

  @Field.string({ example: 'c1' })
  corpus_id!: string;

  @Field.enum(statuses)
  status!: string;

  @Field.string({ nullable: true, does: 'Why it failed, was cancelled, or has a lesser answer', example: null })
  reason_code!: string | null;

  @Field.boolean({ nullable: true })
  degraded!: boolean | null;

  @Field.integer({ nullable: true, does: 'Passages that were asked for; null: as many as the corpus says' })
  top_k!: number | null;

  @Field.integer({ nullable: true, does: 'Passages that were found' })
  chunk_count!: number | null;

  @Field.integer({ nullable: true })
  citation_count!: number | null;

  @Field.integer({ nullable: true })
  input_tokens!: number | null;

  @Field.integer({ nullable: true })
  output_tokens!: number | null;

  @Field.integer({ nullable: true, does: 'Of the input, what the provider of the model had seen before' })
  cached_tokens!: number | null;

  @Field.integer({ nullable: true, does: 'Of the output, what the model thought and did not say' })
  reasoning_tokens!: number | null;

  @Field.integer({ nullable: true })
  duration_ms!: number | null;

  @Field.instant()
  started_at!: string;

  @Field.instant({ nullable: true })
  ended_at!: string | null;
}

export class RunDetail extends RunView {
  @Field.list(() => RunCitation, { does: 'What the answer stands on; none when it is kept no longer' })
  citations!: readonly RunCitation[];
}
