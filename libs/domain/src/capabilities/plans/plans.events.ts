import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const tenant = ['tenant', 'tenantId'] as const;
const feature = ['plan_feature', 'featureKey'] as const;

export const planEvents = defineEvents({
  PlanAssigned: {
    version: 1,
    data: {
      tenantId: t.string,
      planId: t.string,
      /** Null for the first assignment. */
      previousPlanId: t.nullable(t.string),
      effectiveFrom: t.instant,
    },
    audit: {
      type: 'plan.assigned',
      category: 'quota',
      outcome: 'success',
      resource: tenant,
      shows: ['planId', 'previousPlanId', 'effectiveFrom'],
    },
  },
  FeatureOverrideSet: {
    version: 1,
    /** The whole override after the change; null follows the plan. */
    data: { featureKey: t.string, enabled: t.nullable(t.boolean), configJson: t.nullable(t.jsonObject) },
    audit: {
      type: 'plan.override.set',
      category: 'quota',
      outcome: 'success',
      resource: feature,
      shows: ['enabled'],
    },
  },
  FeatureOverrideRemoved: {
    version: 1,
    data: { featureKey: t.string },
    audit: { type: 'plan.override.removed', category: 'quota', outcome: 'success', resource: feature },
  },
  PlanUpgradeRequested: {
    version: 1,
    data: {
      upgradeRequestId: t.uuid,
      currentPlan: t.string,
      targetPlan: t.string,
      requestedBy: t.string,
      /** Free text of a person. */
      reason: t.optional(t.personal('requestedBy')),
    },
    audit: {
      type: 'plan.upgrade_requested',
      category: 'quota',
      outcome: 'success',
      resource: ['plan_upgrade_request', 'upgradeRequestId'],
      shows: ['currentPlan', 'targetPlan', 'requestedBy'],
    },
  },
});

export type PlanEvent = EventOf<typeof planEvents>;
