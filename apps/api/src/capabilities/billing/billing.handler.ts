import { billing, billingErrors } from '#domain/capabilities/billing/billing.decider.js';
import type { WebhookOutcome, WebhookPort } from '#domain/capabilities/billing/billing.ports.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Commands } from '#api/commands/commands.js';
import type { CallerContext } from '#api/http/caller.js';
import type { WebhookTestView } from './billing.contract.js';

/** Sends a test message while the caller waits. */
export class WebhookTest {
  constructor(
    private readonly commands: Commands,
    private readonly webhook: WebhookPort,
  ) {}

  /** Says what became of the message; refused only where there is no receiver. */
  async run(caller: CallerContext): Promise<WebhookTestView> {
    if (!this.webhook.enabled) throw new CatalogueError(billingErrors.notConfigured);
    const { newId: deliveryId, now } = caller.facts;
    const event = 'billing.webhook.test';
    const payload = { event_type: event, tenant_id: caller.tenantId, delivery_id: deliveryId, timestamp: now };
    const outcome = await this.webhook.send({ id: deliveryId, event, body: JSON.stringify(payload) });
    const sent = outcome.kind === 'delivered';
    const data = { deliveryId, sent, statusCode: outcome.statusCode };
    await this.commands.run(billing, deliveryId, { type: 'RecordTest', data }, caller);
    return { sent, status_code: outcome.statusCode, delivery_id: deliveryId, message: messageOf(outcome) };
  }
}

function messageOf(outcome: WebhookOutcome): string {
  if (outcome.statusCode !== null) return `The receiver answered ${outcome.statusCode}`;
  return `The receiver could not be reached: ${outcome.kind === 'failed' ? outcome.reason : outcome.kind}`;
}
