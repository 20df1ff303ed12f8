import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const resource = ['billing_webhook', 'deliveryId'] as const;

/** A message to the billing system. `deliveryId` is its id in every attempt; `eventType` is what it tells of. */
const delivery = { deliveryId: t.string, eventType: t.string } as const;

export const billingEvents = defineEvents({
  BillingWebhookDelivered: {
    version: 1,
    data: { ...delivery, statusCode: t.integer },
    audit: {
      type: 'billing.webhook.delivered',
      category: 'quota',
      outcome: 'success',
      resource,
      shows: ['eventType', 'statusCode'],
    },
  },
  /** No further attempt will be made. */
  BillingWebhookFailed: {
    version: 1,
    data: { ...delivery, statusCode: t.nullable(t.integer), reason: t.string },
    audit: {
      type: 'billing.webhook.failure',
      category: 'quota',
      outcome: 'failure',
      resource,
      shows: ['eventType', 'statusCode', 'reason'],
    },
  },
  BillingWebhookTested: {
    version: 1,
    data: { deliveryId: t.string, sent: t.boolean, statusCode: t.nullable(t.integer) },
    audit: {
      type: 'selfserve.billing_webhook_tested',
      category: 'quota',
      outcome: 'success',
      resource,
      shows: ['sent', 'statusCode'],
    },
  },
});

export type BillingEvent = EventOf<typeof billingEvents>;
