import { Field } from '#api/http/fields.js';
import { QuotaBlock } from '#api/http/quota-view.js';

export class UiPrincipal {
  @Field.string()
  tenant_id!: string;

  @Field.enum(['reader', 'editor', 'admin'])
  role!: string;

  @Field.string()
  api_key_id!: string;

  @Field.string()
  subject_id!: string;
}

export class UiPlan {
  @Field.string({ example: 'free' })
  plan_id!: string;

  @Field.string({ nullable: true })
  plan_name!: string | null;
}

export class UiFeatureFlags {
  @Field.boolean()
  tts_enabled!: boolean;

  @Field.boolean()
  ops_admin_access!: boolean;

  @Field.boolean()
  audit_access!: boolean;

  @Field.boolean()
  billing_webhook_test!: boolean;
}

export class UiApi {
  @Field.string({ example: 'v1' })
  version!: string;
}

export class UiBootstrap {
  @Field.object(() => UiPrincipal)
  principal!: UiPrincipal;

  @Field.object(() => UiPlan)
  plan!: UiPlan;

  @Field.json({ does: '`{enabled, config_json}` by feature key', example: { 'feature.tts': { enabled: true } } })
  entitlements!: object;

  @Field.object(() => QuotaBlock)
  quota_snapshot!: QuotaBlock;

  @Field.object(() => UiFeatureFlags)
  feature_flags!: UiFeatureFlags;

  @Field.instant()
  server_time!: string;

  @Field.object(() => UiApi)
  api!: UiApi;
}

export class UiSummaryQuery {
  @Field.integer({ does: 'Days in the chart, the last of them today', min: 1, max: 90, default: 30 })
  window_days!: number;
}

export class UiCard {
  @Field.enum(['requests', 'quota_day', 'quota_month', 'rate_limits'])
  id!: string;

  @Field.string()
  title!: string;

  @Field.string()
  value!: string;

  @Field.string({ nullable: true })
  subtitle!: string | null;
}

export class UiPoint {
  @Field.string({ does: 'The UTC day', example: '2026-01-31' })
  ts!: string;

  @Field.integer()
  value!: number;
}

export class UiChart {
  @Field.string({ example: 'requests' })
  id!: string;

  @Field.list(() => UiPoint)
  points!: readonly UiPoint[];
}

export class UiCharts {
  @Field.object(() => UiChart)
  requests!: UiChart;
}

export class UiAlert {
  @Field.string({ example: 'quota-soft-cap' })
  id!: string;

  @Field.string()
  message!: string;

  @Field.enum(['info', 'warning'])
  severity!: string;
}

export class UiSummary {
  @Field.list(() => UiCard)
  cards!: readonly UiCard[];

  @Field.object(() => UiCharts)
  charts!: UiCharts;

  @Field.list(() => UiAlert)
  alerts!: readonly UiAlert[];
}
