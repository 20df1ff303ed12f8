import type { LogSignals } from '#infra/event-log/log-signals.js';
import { Counter, observeGauge, type Metrics } from './metrics.js';

/** Shows what the subscriptions to the event log went through: connected now, dropped by reason, taken up again. */
export function observeLog(metrics: Metrics, signals: LogSignals): Metrics {
  const registers = [metrics.registry];
  observeGauge(metrics, 'event_log_subscriptions', 'Subscriptions that are connected', () => signals.connected);
  new Counter({
    name: 'event_log_subscriptions_dropped_total',
    help: 'Subscriptions that ended, by reason; `stopped` are those that were no longer wanted',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of signals.dropped) this.inc({ reason }, count);
    },
  });
  new Counter({
    name: 'event_log_resubscribed_total',
    help: 'Subscriptions that were taken up again',
    registers,
    collect() {
      this.reset();
      this.inc(signals.resubscribed);
    },
  });
  return metrics;
}
