import { entitlementsOf, DEFAULT_PLAN, isPlanId, planNames } from '#domain/capabilities/plans/catalogue.decider.js';
import type { FeatureKey } from '#domain/capabilities/plans/features.events.js';
import { overridesOf, type TenantPlanRow } from '#domain/capabilities/plans/plans.projection.js';
import type { CallerContext } from '#api/http/caller.js';
import type { QuotaSnapshots } from '#api/commands/quota-snapshots.js';
import type { UiBootstrap } from './ui.contract.js';

/** What the start of the user interface is made of. */
export interface BootstrapParts {
  /** The plan of a tenant; undefined when none was assigned. */
  readonly planOf: (tenantId: string) => Promise<TenantPlanRow | undefined>;
  readonly quotas: QuotaSnapshots;
}

/** What a user interface needs to know before it shows anything. */
export class UiStart {
  constructor(private readonly parts: BootstrapParts) {}

  async bootstrap(caller: CallerContext): Promise<UiBootstrap> {
    const { tenantId, role, apiKeyId, subjectId } = caller.principal;
    const [row, quota] = await Promise.all([this.parts.planOf(tenantId), this.parts.quotas.of(tenantId)]);
    const planId = row?.plan_id ?? DEFAULT_PLAN;
    const entitlements = entitlementsOf(planId, row === undefined ? {} : overridesOf(row));
    const has = (key: FeatureKey): boolean =>
      entitlements.some(({ featureKey, enabled }) => featureKey === key && enabled);
    return {
      principal: { tenant_id: tenantId, role, api_key_id: apiKeyId, subject_id: subjectId },
      plan: { plan_id: planId, plan_name: isPlanId(planId) ? planNames[planId] : null },
      entitlements: Object.fromEntries(
        entitlements.map(({ featureKey, enabled, configJson }) => [featureKey, { enabled, config_json: configJson }]),
      ),
      quota_snapshot: quota,
      feature_flags: {
        tts_enabled: has('feature.tts'),
        ops_admin_access: has('feature.ops_admin_access'),
        audit_access: has('feature.audit_access'),
        billing_webhook_test: has('feature.billing_webhook_test'),
      },
      server_time: new Date().toISOString(),
      api: { version: 'v1' },
    };
  }
}
