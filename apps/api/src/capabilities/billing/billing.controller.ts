import { Controller } from '@nestjs/common';
import { billingErrors } from '#domain/capabilities/billing/billing.decider.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { WebhookTestView } from './billing.contract.js';
import { WebhookTest } from './billing.handler.js';

@Controller('self-serve/billing')
export class BillingController {
  constructor(private readonly tests: WebhookTest) {}

  @Endpoint('POST /webhook-test', {
    does: 'Send a test message to the billing webhook',
    role: 'admin',
    feature: 'feature.billing_webhook_test',
    audit: 'selfserve.billing_webhook_tested',
    returns: WebhookTestView,
    refuses: [billingErrors.notConfigured],
  })
  test(@Caller() caller: CallerContext): Promise<WebhookTestView> {
    return this.tests.run(caller);
  }
}
