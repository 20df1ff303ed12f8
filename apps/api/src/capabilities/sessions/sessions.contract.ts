import { Field } from '#api/http/fields.js';
import { PageQuery } from '#api/http/paging.js';

export class SessionListQuery extends PageQuery {
  @Field.string({ does: 'Only sessions whose last question asked this corpus', min: 1, max: 256, optional: true })
  corpus_id?: string;

  @Field.string({
    does: 'Only sessions whose title or name has this in it, in any case; of the newest 5,000 a page',
    min: 1,
    max: 200,
    optional: true,
  })
  q?: string;
}

export class SessionView {
  @Field.string({ does: 'Names the session in addresses', example: '5d2c3f0e-8d0b-5c51-9a57-0f3c1d6f2b11' })
  id!: string;

  @Field.string({ does: 'The name that its user gave it: `session_id` of `POST /v1/run`', example: 's1' })
  session_id!: string;

  @Field.string({ nullable: true, does: 'Whose it is; null for one that began before users were told' })
  user_id!: string | null;

  @Field.string({ nullable: true, example: 'Release gates' })
  title!: string | null;

  @Field.string({ does: 'The corpus of its last question', example: 'c1' })
  corpus_id!: string;

  @Field.integer({ does: 'Questions that were asked in it', example: 3 })
  runs!: number;

  @Field.instant()
  created_at!: string;

  @Field.instant({ does: 'When its last question was asked' })
  last_seen_at!: string;
}

export class SessionPatch {
  @Field.string({
    does: 'A title; null takes it away',
    min: 1,
    max: 200,
    optional: true,
    nullable: true,
    example: 'Release gates',
  })
  title?: string | null;
}

export class MessageListQuery extends PageQuery {
  @Field.enum(['asc', 'desc'], { does: 'The oldest first, or the newest', default: 'asc' })
  order!: 'asc' | 'desc';
}

export class MessageCitation {
  @Field.string({ example: 'notes.txt' })
  source!: string;

  @Field.string({ example: 'doc-123' })
  document_id!: string;

  @Field.string()
  chunk_id!: string;

  @Field.integer({ does: 'Where the quote begins in the text of the document, in UTF-16 units' })
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

export class MessageView {
  @Field.string({ example: '01900000-0000-7000-8000-00000000000a.user' })
  id!: string;

  @Field.string({ example: '01900000-0000-7000-8000-00000000000a' })
  run_id!: string;

  @Field.enum(['user', 'assistant'])
  role!: 'user' | 'assistant';

  @Field.string({ nullable: true, does: 'Null when it is kept no longer', example: 'What are the release gates?' })
  text!: string | null;

  @Field.list(() => MessageCitation, { does: 'What the answer stands on, in the order of its marks' })
  citations!: readonly MessageCitation[];

  @Field.enum(['running', 'succeeded', 'failed', 'cancelled'], { does: 'How its run stands' })
  status!: string;

  @Field.boolean({ nullable: true, does: 'Whether the answer is a lesser one; null for a question' })
  degraded!: boolean | null;

  @Field.string({ nullable: true })
  reason_code!: string | null;

  @Field.instant()
  created_at!: string;
}
