import { defineJob, Postponed, RetryLater, type JobAttempt } from '../../kernel/job.js';
import type { JsonObject } from '../../kernel/schema.js';
import { billing, type BillingCommand } from './billing.decider.js';
import { isKilled, rolloutDefaults, scopesOf } from '../rollouts/rollouts.ports.js';
import type { BillingPorts, WebhookOutcome } from './billing.ports.js';

export type DeliveryData = {
  readonly tenantId: string;
  readonly deliveryId: string;
  readonly eventType: string;
  /** The stream of the event, which its sealed texts are bound to. */
  readonly stream: string;
  readonly payload: JsonObject;
  /** Texts of the payload as the event holds them, by their name in both. */
  readonly sealed: Readonly<Record<string, string>>;
};

/** How long a message waits before it looks again whether notifications are switched on. */
const PAUSE_SECONDS = 30;

/** Thrown for an attempt that may be repeated. */
class NotDelivered extends Error {}

/** Sends one message until the receiver has taken or refused it. The last failure leaves the job dead, so that an operator can have it tried again. */
export const deliverWebhook = defineJob<DeliveryData, BillingPorts>({
  name: 'billing.deliver-webhook',
  retryLimit: 12,
  retryDelaySeconds: 2,
  timeoutSeconds: 120,
  concurrency: 4,
  handle: async (attempt, ports) => {
    const { tenantId, deliveryId, eventType: event } = attempt.data;
    if (!ports.webhook.enabled) return;
    const scopes = await scopesOf(ports.commands, tenantId, rolloutDefaults(ports.switches));
    if (isKilled('kill.notifications', scopes)) throw new Postponed('notifications are switched off', PAUSE_SECONDS);
    if ((await ports.commands.load(billing, tenantId, deliveryId)) === 'delivered') return;
    const body = JSON.stringify(await payloadOf(attempt.data, ports));
    const outcome = await ports.webhook.send({ id: deliveryId, event, body }, attempt.signal);
    await settle(attempt, ports, outcome);
  },
});

async function settle(attempt: JobAttempt<DeliveryData>, ports: BillingPorts, outcome: WebhookOutcome): Promise<void> {
  const { tenantId, deliveryId, eventType } = attempt.data;
  const { statusCode } = outcome;
  const run = (command: BillingCommand): Promise<void> =>
    ports.commands.run(billing, tenantId, deliveryId, command, `${attempt.id}:${command.type}`);
  const fail = (reason: string): Promise<void> =>
    run({ type: 'RecordFailure', data: { deliveryId, eventType, statusCode, reason } });
  switch (outcome.kind) {
    case 'delivered':
      return run({ type: 'RecordDelivery', data: { deliveryId, eventType, statusCode: outcome.statusCode } });
    case 'refused':
      return fail('refused');
    case 'failed':
      if (attempt.lastAttempt) await fail(outcome.reason);
      if (outcome.retryAfterSeconds !== null && !attempt.lastAttempt)
        throw new RetryLater(`the billing webhook is to be sent later: ${outcome.reason}`, outcome.retryAfterSeconds);
      throw new NotDelivered(`the billing webhook was not delivered: ${outcome.reason}`);
  }
}

async function payloadOf(
  { tenantId, stream, payload, sealed }: DeliveryData,
  { personal }: BillingPorts,
): Promise<JsonObject> {
  let clear = payload;
  for (const [field, text] of Object.entries(sealed))
    clear = { ...clear, [field]: await personal.open({ tenantId, stream, field, text }) };
  return clear;
}
