import type { Recorded } from '../../kernel/events.js';
import { defineReaction, type Effect } from '../../kernel/reaction.js';
import type { JsonObject } from '../../kernel/schema.js';
import type { PlanEvent } from '../plans/plans.events.js';
import type { QuotaEvent } from '../quotas/quotas.events.js';

type Told = QuotaEvent | Extract<PlanEvent, { type: 'PlanUpgradeRequested' }>;

/** One message about one event, under the event's own id. */
function deliver(
  event: Recorded<Told>,
  eventType: string,
  facts: JsonObject,
  sealed: JsonObject = {},
): readonly Effect[] {
  const { id: deliveryId, tenantId, stream, occurredAt } = event;
  const payload = { event_type: eventType, tenant_id: tenantId, ...facts, timestamp: occurredAt };
  return [
    { kind: 'job', job: 'billing.deliver-webhook', data: { tenantId, deliveryId, eventType, stream, payload, sealed } },
  ];
}

/** The billing system is told of every cap that is reached and of every upgrade that is asked for. */
export const billingReactions = defineReaction<Told>({
  name: 'billing',
  from: 'beginning',
  on: {
    QuotaSoftCapReached: (event) => {
      const { period, metric, used, limit, softCapRatio } = event.data;
      return deliver(event, 'quota.soft_cap_reached', { period, metric, used, limit, soft_cap_ratio: softCapRatio });
    },
    QuotaHardCapReached: (event) => {
      const { period, metric, dayUsed, dayLimit, monthUsed, monthLimit } = event.data;
      const both = { day_used: dayUsed, day_limit: dayLimit, month_used: monthUsed, month_limit: monthLimit };
      return deliver(event, 'quota.hard_cap_blocked', { period, metric, ...both });
    },
    PlanUpgradeRequested: (event) => {
      const { currentPlan, targetPlan, upgradeRequestId, reason } = event.data;
      const facts = { current_plan: currentPlan, target_plan: targetPlan, reason: null, request_id: upgradeRequestId };
      return deliver(event, 'billing.upgrade_requested', facts, reason === undefined ? {} : { reason });
    },
  },
});
