import type { CommandPath } from '#infra/commands/command-path.js';
import type { Config } from '#infra/config/config.js';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { OutboundSignals } from '#infra/shared-state/outbound-signals.js';
import { Outbound } from '#infra/shared-state/outbound.js';
import type { SharedState } from '#infra/shared-state/shared-state.js';
import { WebhookSender, type Message, type Sent } from '#infra/webhooks/webhook-sender.js';
import { BreakerRecorder, type BreakerNote } from './breaker-recorder.js';

/** The one way to other services, under the configured deadlines, retries and breakers, and what tells the log of the latter. */
export function openOutbound(
  options: {
    readonly config: Config;
    readonly onProblem: (error: unknown, where: string) => void;
    readonly recordBreaker: (path: CommandPath, note: BreakerNote) => Promise<unknown>;
  },
  shared: SharedState,
  path: CommandPath,
): { readonly outbound: Outbound; readonly breakers: BreakerRecorder } {
  const { external } = options.config;
  const signals = new OutboundSignals();
  const breakers = new BreakerRecorder({
    record: (note) => options.recordBreaker(path, note),
    onProblem: (error) => options.onProblem(error, 'circuit breakers'),
    onLost: () => (signals.unrecorded += 1),
  });
  const limits = {
    failures: external.CB_FAILURE_THRESHOLD,
    openMs: external.CB_OPEN_SECONDS * 1_000,
    trials: external.CB_HALF_OPEN_TRIALS,
  };
  const breaker = new CircuitBreaker(shared, limits, (change) => {
    signals.changed(change);
    breakers.changed(change);
  });
  const calls = {
    timeoutMs: external.EXT_CALL_TIMEOUT_MS,
    attempts: external.EXT_RETRY_MAX_ATTEMPTS,
    pauseMs: external.EXT_RETRY_BACKOFF_MS,
  };
  return { outbound: new Outbound(breaker, calls, Math.random, signals), breakers };
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
