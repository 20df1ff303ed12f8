import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import type { JsonObject } from '../../kernel/schema.js';
import {
  DEFAULT_PLAN,
  isFeatureKey,
  isPlanId,
  isUpgrade,
  type FeatureOverride,
  type FeatureOverrides,
  type PlanId,
} from './catalogue.decider.js';
import type { PlanEvent } from './plans.events.js';

export const planErrors = defineErrors('plans', {
  notFound: ['not_found', 'NOT_FOUND', 'There is no such plan'],
  unknownFeature: ['validation', 'VALIDATION_ERROR', 'There is no such feature'],
  notAnUpgrade: ['conflict', 'PLAN_NOT_AN_UPGRADE', 'The plan of the tenant includes this one already'],
  upgradePending: ['conflict', 'PLAN_UPGRADE_PENDING', 'Another upgrade has been asked for and is not decided yet'],
});

export interface AssignPlan {
  readonly type: 'AssignPlan';
  readonly data: { readonly planId: string };
}

/** Absent is unchanged, null follows the plan; an override that says nothing any more is removed. */
export interface SetFeatureOverride {
  readonly type: 'SetFeatureOverride';
  readonly data: {
    readonly featureKey: string;
    readonly enabled?: boolean | null;
    readonly configJson?: JsonObject | null;
  };
}

export interface RemoveFeatureOverride {
  readonly type: 'RemoveFeatureOverride';
  readonly data: { readonly featureKey: string };
}

export interface RequestPlanUpgrade {
  readonly type: 'RequestPlanUpgrade';
  readonly data: { readonly targetPlan: PlanId; readonly requestedBy: string; readonly reason?: string };
}

export type PlanCommand = AssignPlan | SetFeatureOverride | RemoveFeatureOverride | RequestPlanUpgrade;

export interface PlanState {
  /** Null when none was assigned: the default plan. */
  readonly assigned: { readonly planId: string; readonly effectiveFrom: string } | null;
  readonly overrides: FeatureOverrides;
  readonly pending: { readonly upgradeRequestId: string; readonly targetPlan: string } | null;
}

/** The id of a tenant's one plan stream. */
export const PLAN_STREAM_ID = 'plan';

/** The plan, the overrides and the open upgrade request of one tenant: one stream, so that whoever races is decided there. */
export const plans = defineDecider<PlanCommand, PlanEvent, PlanState>({
  category: 'plans',
  initial: { assigned: null, overrides: {}, pending: null },
  decide: (command, state, facts) => {
    switch (command.type) {
      case 'AssignPlan':
        return assign(command, state, facts);
      case 'SetFeatureOverride':
        return setOverride(command, state);
      case 'RemoveFeatureOverride':
        return removeOverride(command.data.featureKey, state);
      case 'RequestPlanUpgrade':
        return requestUpgrade(command, state, facts);
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      // Whoever assigns a plan has decided what was asked for.
      case 'PlanAssigned': {
        const { planId, effectiveFrom } = event.data;
        return { ...state, assigned: { planId, effectiveFrom }, pending: null };
      }
      case 'FeatureOverrideSet': {
        const { featureKey, enabled, configJson } = event.data;
        return { ...state, overrides: { ...state.overrides, [featureKey]: { enabled, configJson } } };
      }
      case 'FeatureOverrideRemoved':
        return { ...state, overrides: withoutOverride(state.overrides, event.data.featureKey) };
      case 'PlanUpgradeRequested': {
        const { upgradeRequestId, targetPlan } = event.data;
        return { ...state, pending: { upgradeRequestId, targetPlan } };
      }
    }
  },
});

/** The plan that is in force. */
export function planOf(state: PlanState): string {
  return state.assigned?.planId ?? DEFAULT_PLAN;
}

export function withoutOverride(overrides: FeatureOverrides, featureKey: string): FeatureOverrides {
  return Object.fromEntries(Object.entries(overrides).filter(([key]) => key !== featureKey));
}

function assign({ data: { planId } }: AssignPlan, state: PlanState, facts: Facts): Decision<PlanEvent> {
  if (!isPlanId(planId)) return refuse(planErrors.notFound);
  if (state.assigned?.planId === planId) return [];
  const previousPlanId = state.assigned?.planId ?? null;
  const { tenantId, now: effectiveFrom } = facts;
  return [{ type: 'PlanAssigned', data: { tenantId, planId, previousPlanId, effectiveFrom } }];
}

function setOverride({ data }: SetFeatureOverride, state: PlanState): Decision<PlanEvent> {
  const { featureKey } = data;
  if (!isFeatureKey(featureKey)) return refuse(planErrors.unknownFeature);
  const before: FeatureOverride = state.overrides[featureKey] ?? { enabled: null, configJson: null };
  const enabled = data.enabled === undefined ? before.enabled : data.enabled;
  const configJson = data.configJson === undefined ? before.configJson : data.configJson;
  if (enabled === null && configJson === null) return removeOverride(featureKey, state);
  if (enabled === before.enabled && JSON.stringify(configJson) === JSON.stringify(before.configJson)) return [];
  return [{ type: 'FeatureOverrideSet', data: { featureKey, enabled, configJson } }];
}

function removeOverride(featureKey: string, state: PlanState): Decision<PlanEvent> {
  if (!isFeatureKey(featureKey)) return refuse(planErrors.unknownFeature);
  if (state.overrides[featureKey] === undefined) return [];
  return [{ type: 'FeatureOverrideRemoved', data: { featureKey } }];
}

/** One at a time: asked for again, the open one stands. */
function requestUpgrade({ data }: RequestPlanUpgrade, state: PlanState, facts: Facts): Decision<PlanEvent> {
  const currentPlan = planOf(state);
  const { targetPlan } = data;
  if (!isUpgrade(currentPlan, targetPlan)) return refuse(planErrors.notAnUpgrade, { current_plan: currentPlan });
  const { pending } = state;
  if (pending?.targetPlan === targetPlan) return [];
  if (pending !== null) {
    const details = { request_id: pending.upgradeRequestId, target_plan: pending.targetPlan };
    return refuse(planErrors.upgradePending, details);
  }
  return [{ type: 'PlanUpgradeRequested', data: { upgradeRequestId: facts.newId, currentPlan, ...data } }];
}
