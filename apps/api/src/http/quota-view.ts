import { Field } from './fields.js';

/** One period of a quota: without a limit nothing is said of what remains. */
export class QuotaPeriodView {
  @Field.integer({ nullable: true, does: 'Null: unlimited', example: 1_000 })
  limit!: number | null;

  @Field.integer({ example: 12 })
  used!: number;

  @Field.integer({ nullable: true, does: 'Null: unlimited', example: 988 })
  remaining!: number | null;
}

/** A tenant's quota of requests in the UTC day and month of now. */
export class QuotaBlock {
  @Field.object(() => QuotaPeriodView)
  day!: QuotaPeriodView;

  @Field.object(() => QuotaPeriodView)
  month!: QuotaPeriodView;

  @Field.boolean({ does: 'Whether the day or the month has passed the soft cap' })
  soft_cap_reached!: boolean;

  @Field.enum(['enforce', 'observe'])
  hard_cap_mode!: 'enforce' | 'observe';
}
