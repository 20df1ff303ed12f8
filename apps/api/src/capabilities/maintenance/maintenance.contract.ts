import { Field } from '#api/http/fields.js';

export class MaintenanceQuery {
  @Field.string({ does: 'What to do', min: 1, max: 64, example: 'prune_idempotency' })
  task!: string;

  @Field.boolean({ does: 'Counts what would be removed, and removes nothing', default: false })
  dry_run!: boolean;
}

export class MaintenanceView {
  @Field.string({ example: 'prune_idempotency' })
  task!: string;

  @Field.enum(['completed', 'counted'], { does: 'Counted: nothing was removed' })
  status!: 'completed' | 'counted';

  @Field.enum(['global', 'tenant'], { does: 'Whose rows: of all tenants, or of the own one' })
  scope!: 'global' | 'tenant';

  @Field.integer({ does: 'Rows that were removed, or that would be', example: 12 })
  deleted_rows!: number;
}

export class ConfiguredDays {
  @Field.integer({ nullable: true, example: 90 })
  audit!: number | null;

  @Field.integer({ nullable: true, example: 120 })
  usage!: number | null;

  @Field.integer({ nullable: true, example: 30 })
  ui_actions!: number | null;

  @Field.integer({ nullable: true, does: 'What was asked and answered; null: kept until somebody deletes it' })
  messages!: number | null;

  @Field.integer({ nullable: true, does: 'Null: kept until somebody deletes them' })
  documents!: number | null;

  @Field.integer({ nullable: true, does: 'Null: none are made' })
  backups!: number | null;
}

export class RetentionView {
  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.object(() => ConfiguredDays)
  configured_days!: ConfiguredDays;

  @Field.json({ does: 'When each task last ran over the rows of the tenant', example: {} })
  last_run_by_task!: Readonly<Record<string, string>>;

  @Field.instant({ does: 'When everything that is due is removed next' })
  next_schedule!: string;
}
