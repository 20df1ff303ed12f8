import type { Config } from '#infra/config/config.js';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { Outbound } from '#infra/shared-state/outbound.js';
import type { SharedState } from '#infra/shared-state/shared-state.js';
import { WebhookSender, type Message, type Sent } from '#infra/webhooks/webhook-sender.js';

/** The one way to other services, under the configured deadlines, retries and breakers. */
export function openOutbound({ external }: Config, shared: SharedState): Outbound {
  const breaker = new CircuitBreaker(shared, {
    failures: external.CB_FAILURE_THRESHOLD,
    openMs: external.CB_OPEN_SECONDS * 1_000,
    trials: external.CB_HALF_OPEN_TRIALS,
  });
  return new Outbound(breaker, {
    timeoutMs: external.EXT_CALL_TIMEOUT_MS,
    attempts: external.EXT_RETRY_MAX_ATTEMPTS,
    pauseMs: external.EXT_RETRY_BACKOFF_MS,
  });
}

/** The receiver of billing messages, if one is switched on. */
export interface BillingWebhook {
  readonly enabled: boolean;
  send(message: Message, signal?: AbortSignal): Promise<Sent>;
}

/** The configured receiver; where there is none `send` rejects. */
export function openBillingWebhook({ billing, external }: Config, outbound: Outbound): BillingWebhook {
  const { BILLING_WEBHOOK_ENABLED: enabled, BILLING_WEBHOOK_URL: url, BILLING_WEBHOOK_SECRET: secret } = billing;
  if (!enabled || url === undefined || secret === undefined)
    return { enabled: false, send: () => Promise.reject(new Error('no billing webhook is switched on')) };
  const sender = new WebhookSender(
    {
      // Another receiver has a breaker of its own.
      integration: `billing.webhook ${new URL(url).host}`,
      url,
      secret,
      timeoutMs: Math.min(billing.BILLING_WEBHOOK_TIMEOUT_MS, external.EXT_CALL_TIMEOUT_MS),
      attempts: external.EXT_RETRY_MAX_ATTEMPTS,
      pauseMs: external.EXT_RETRY_BACKOFF_MS,
      headers: { signature: 'x-billing-signature', event: 'x-billing-event' },
    },
    outbound,
  );
  return { enabled: true, send: (message, signal) => sender.send(message, signal) };
}
