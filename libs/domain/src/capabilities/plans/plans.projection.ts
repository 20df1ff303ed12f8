import { defineProjection, type RowOf } from '../../kernel/projection.js';
import type { Recorded } from '../../kernel/events.js';
import type { JsonObject } from '../../kernel/schema.js';
import { withoutOverride } from './plans.decider.js';
import type { FeatureOverrides } from './catalogue.decider.js';
import type { PlanEvent } from './plans.events.js';

const columns = {
  id: 'text',
  tenant_id: 'text',
  /** Null when none was assigned. */
  plan_id: 'text?',
  effective_from: 'timestamptz?',
  overrides: 'jsonb',
  pending_upgrade: 'jsonb?',
} as const;

export type TenantPlanRow = RowOf<typeof columns>;

/** What each tenant may use: one row a tenant, which every process holds in memory. */
export const tenantPlanRows = defineProjection<PlanEvent>()({
  table: 'tenant_plans',
  version: 1,
  columns,
  key: (event) => event.tenantId,
  on: {
    PlanAssigned: (event, row) => ({
      ...(row ?? empty(event)),
      plan_id: event.data.planId,
      effective_from: event.data.effectiveFrom,
      pending_upgrade: null,
    }),
    FeatureOverrideSet: (event, row = empty(event)) => {
      const { featureKey, enabled, configJson } = event.data;
      return { ...row, overrides: { ...overridesOf(row), [featureKey]: { enabled, configJson } } as JsonObject };
    },
    FeatureOverrideRemoved: (event, row = empty(event)) => ({
      ...row,
      overrides: withoutOverride(overridesOf(row), event.data.featureKey) as JsonObject,
    }),
    PlanUpgradeRequested: (event, row = empty(event)) => {
      const { upgradeRequestId, targetPlan } = event.data;
      return { ...row, pending_upgrade: { upgradeRequestId, targetPlan, requestedAt: event.occurredAt } };
    },
  },
});

export function overridesOf(row: Pick<TenantPlanRow, 'overrides'>): FeatureOverrides {
  return row.overrides as unknown as FeatureOverrides;
}

function empty({ tenantId }: Recorded<PlanEvent>): TenantPlanRow {
  return {
    id: tenantId,
    tenant_id: tenantId,
    plan_id: null,
    effective_from: null,
    overrides: {},
    pending_upgrade: null,
  };
}
