import { planIds } from '#domain/capabilities/plans/catalogue.decider.js';
import { Field } from '#api/http/fields.js';
import { QuotaBlock } from '#api/http/quota-view.js';

export class AssignPlanRequest {
  @Field.string({ does: 'The plan from now on: free, pro or enterprise', min: 1, max: 64, example: 'pro' })
  plan_id!: string;
}

export class FeatureOverrideRequest {
  @Field.string({ does: 'One of the features of the plans', min: 1, max: 128, example: 'feature.tts' })
  feature_key!: string;

  @Field.boolean({ does: 'Whether the tenant has it; null follows the plan', optional: true, nullable: true })
  enabled?: boolean | null;

  @Field.json({ does: 'Settings of the feature; null follows the plan', optional: true, nullable: true })
  config_json?: Record<string, never> | null;
}

export class UpgradeRequest {
  @Field.enum(planIds.slice(1), { does: 'The plan that is asked for' })
  target_plan!: 'pro' | 'enterprise';

  @Field.string({ does: 'Why; kept sealed', max: 1_024, optional: true, nullable: true })
  reason?: string | null;
}

export class EntitlementView {
  @Field.string({ example: 'feature.tts' })
  feature_key!: string;

  @Field.boolean()
  enabled!: boolean;

  @Field.json({ nullable: true })
  config_json!: object | null;
}

export class PlanView {
  @Field.string({ example: 'pro' })
  id!: string;

  @Field.string({ example: 'Pro' })
  name!: string;

  @Field.boolean()
  is_active!: boolean;

  @Field.list(() => EntitlementView)
  features!: EntitlementView[];
}

export class PendingUpgradeView {
  @Field.string()
  request_id!: string;

  @Field.string({ example: 'pro' })
  target_plan!: string;

  @Field.enum(['pending'])
  status!: 'pending';
}

export class TenantPlanView {
  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.string({ example: 'pro' })
  plan_id!: string;

  @Field.string({ nullable: true, example: 'Pro' })
  plan_name!: string | null;

  @Field.instant({ nullable: true, does: 'Since when; null when no plan was assigned and the default one is in force' })
  effective_from!: string | null;

  @Field.instant({ nullable: true, does: 'Always null: the plan in force has no end' })
  effective_to!: string | null;

  @Field.boolean({ does: 'False when no plan was assigned' })
  is_active!: boolean;

  @Field.list(() => EntitlementView, { does: 'All features, sorted, with what follows from plan and overrides' })
  entitlements!: EntitlementView[];

  @Field.strings({ does: 'The features in which an override speaks' })
  overridden!: string[];

  @Field.object(() => PendingUpgradeView, { nullable: true })
  pending_upgrade!: PendingUpgradeView | null;
}

export class OwnPlanView {
  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.string({ example: 'pro' })
  plan_id!: string;

  @Field.string({ nullable: true, example: 'Pro' })
  plan_name!: string | null;

  @Field.list(() => EntitlementView, { does: 'All features, sorted, with what follows from plan and overrides' })
  entitlements!: EntitlementView[];

  @Field.object(() => PendingUpgradeView, { nullable: true })
  pending_upgrade!: PendingUpgradeView | null;

  @Field.object(() => QuotaBlock)
  quota!: QuotaBlock;
}

export class UpgradeAccepted {
  @Field.string()
  request_id!: string;

  @Field.enum(['pending'])
  status!: 'pending';
}
