import { Field } from '#api/http/fields.js';

export class WriteFreezeRequest {
  @Field.boolean({ does: 'Whether nothing may be changed', example: false })
  frozen!: boolean;

  @Field.string({ does: 'Why, for the audit log', min: 1, max: 500, optional: true, example: 'moving to region b' })
  reason?: string;
}

export class WriteFreezeView {
  @Field.boolean({ does: 'Whether nothing may be changed but by what gets the installation going again' })
  frozen!: boolean;

  @Field.string({ nullable: true })
  reason!: string | null;

  @Field.instant({ nullable: true, does: 'Null while it was never frozen' })
  changed_at!: string | null;

  @Field.string({ nullable: true, does: 'The key, the session or the part of the system that changed it' })
  changed_by!: string | null;
}
