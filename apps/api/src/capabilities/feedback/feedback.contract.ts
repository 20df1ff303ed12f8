import { Field } from '#api/http/fields.js';
import { PageQuery } from '#api/http/paging.js';

export class FeedbackRequest {
  @Field.enum(['up', 'down'], { does: 'Whether the answer was of use' })
  rating!: 'up' | 'down';

  @Field.string({
    does: 'Why; kept under the key of the session, and gone with it',
    min: 1,
    max: 2_000,
    optional: true,
  })
  comment?: string;

  @Field.strings({ does: 'Short labels, such as `wrong-source`', maxItems: 10, maxLength: 40, default: [] })
  tags!: readonly string[];
}

export class FeedbackView {
  @Field.string()
  id!: string;

  @Field.string({ example: '01900000-0000-7000-8000-00000000000a' })
  run_id!: string;

  @Field.string({ example: 'c1' })
  corpus_id!: string;

  @Field.string()
  user_id!: string;

  @Field.enum(['up', 'down'])
  rating!: string;

  @Field.string({ nullable: true, does: 'Null when there is none, or when its session is gone' })
  comment!: string | null;

  @Field.strings()
  tags!: readonly string[];

  @Field.instant()
  created_at!: string;

  @Field.instant()
  updated_at!: string;
}

export class FeedbackCountsQuery {
  @Field.string({ does: 'Only on answers from this corpus', min: 1, max: 256, optional: true })
  corpus_id?: string;

  @Field.instant({ does: 'Only what was said at this time or later', optional: true })
  from?: string;

  @Field.instant({ does: 'Only what was said before this time', optional: true })
  to?: string;
}

export class FeedbackListQuery extends PageQuery {
  @Field.enum(['up', 'down'], { does: 'Only this rating', optional: true })
  rating?: 'up' | 'down';

  @Field.string({ does: 'Only on answers from this corpus', min: 1, max: 256, optional: true })
  corpus_id?: string;

  @Field.instant({ does: 'Only what was said at this time or later', optional: true })
  from?: string;

  @Field.instant({ does: 'Only what was said before this time', optional: true })
  to?: string;
}

export class CorpusFeedback {
  @Field.string({ example: 'c1' })
  corpus_id!: string;

  @Field.integer({ example: 12 })
  up!: number;

  @Field.integer({ example: 3 })
  down!: number;
}

export class FeedbackCounts {
  @Field.integer({ example: 12 })
  up!: number;

  @Field.integer({ example: 3 })
  down!: number;

  @Field.list(() => CorpusFeedback, { does: 'Of the corpora with most of it, at most 100' })
  by_corpus!: readonly CorpusFeedback[];
}
