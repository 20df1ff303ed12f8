import { Injectable } from '@nestjs/common';
import {
  entitlementsOf,
  isPlanId,
  planIds,
  planNames,
  type Entitlement,
} from '#domain/capabilities/plans/catalogue.decider.js';
import { PLAN_STREAM_ID, planOf, plans, type PlanState } from '#domain/capabilities/plans/plans.decider.js';
import { Commands } from '#api/commands/commands.js';
import type { EntitlementView, PendingUpgradeView, PlanView, TenantPlanView } from './plans.contract.js';

/** What the plans offer, and what a tenant has of them. */
@Injectable()
export class PlanQueries {
  constructor(private readonly commands: Commands) {}

  /** Sorted by id. */
  catalogue(): readonly PlanView[] {
    return planIds.toSorted().map((id) => ({
      id,
      name: planNames[id],
      is_active: true,
      features: entitlementsOf(id, {}).map(viewOfEntitlement),
    }));
  }

  /** Read from the tenant's stream: as new as the log. */
  async get(tenantId: string): Promise<TenantPlanView> {
    return viewOfPlan(tenantId, await this.commands.loadFor(tenantId, plans, PLAN_STREAM_ID));
  }
}

export function viewOfPlan(tenantId: string, state: PlanState): TenantPlanView {
  const planId = planOf(state);
  return {
    tenant_id: tenantId,
    plan_id: planId,
    plan_name: isPlanId(planId) ? planNames[planId] : null,
    effective_from: state.assigned?.effectiveFrom ?? null,
    effective_to: null,
    is_active: state.assigned !== null,
    entitlements: entitlementsOf(planId, state.overrides).map(viewOfEntitlement),
    overridden: Object.keys(state.overrides).sort(),
    pending_upgrade: state.pending === null ? null : viewOfPending(state.pending),
  };
}

function viewOfPending({ upgradeRequestId, targetPlan }: NonNullable<PlanState['pending']>): PendingUpgradeView {
  return { request_id: upgradeRequestId, target_plan: targetPlan, status: 'pending' };
}

function viewOfEntitlement({ featureKey, enabled, configJson }: Entitlement): EntitlementView {
  return { feature_key: featureKey, enabled, config_json: configJson };
}
