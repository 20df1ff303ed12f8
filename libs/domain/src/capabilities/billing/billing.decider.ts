import { defineDecider } from '../../kernel/decider.js';
import { defineErrors } from '../../kernel/errors.js';
import type { BillingEvent } from './billing.events.js';

export const billingErrors = defineErrors('billing', {
  notConfigured: ['bad_request', 'BILLING_WEBHOOK_NOT_CONFIGURED', 'The billing webhook is not switched on'],
});

type DataOf<T extends BillingEvent['type']> = Extract<BillingEvent, { type: T }>['data'];

export type BillingCommand =
  | { readonly type: 'RecordDelivery'; readonly data: DataOf<'BillingWebhookDelivered'> }
  | { readonly type: 'RecordFailure'; readonly data: DataOf<'BillingWebhookFailed'> }
  | { readonly type: 'RecordTest'; readonly data: DataOf<'BillingWebhookTested'> };

export type DeliveryState = 'open' | 'delivered' | 'failed';

/** One stream a delivery. A failed one may still be delivered, when an operator has it tried again. */
export const billing = defineDecider<BillingCommand, BillingEvent, DeliveryState>({
  category: 'billing',
  initial: 'open',
  decide: (command, state) => {
    if (state === 'delivered') return [];
    switch (command.type) {
      case 'RecordDelivery':
        return [{ type: 'BillingWebhookDelivered', data: command.data }];
      case 'RecordFailure':
        return state === 'failed' ? [] : [{ type: 'BillingWebhookFailed', data: command.data }];
      case 'RecordTest':
        return state === 'failed' ? [] : [{ type: 'BillingWebhookTested', data: command.data }];
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'BillingWebhookDelivered':
        return 'delivered';
      case 'BillingWebhookFailed':
        return state === 'delivered' ? state : 'failed';
      case 'BillingWebhookTested':
        return event.data.sent ? 'delivered' : 'failed';
    }
  },
});
