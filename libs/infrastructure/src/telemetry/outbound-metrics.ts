import type { BreakerState } from '#infra/shared-state/circuit-breaker.js';
import { kindOf, type OutboundSignals } from '#infra/shared-state/outbound-signals.js';
import { Counter, Gauge, type Metrics, type Registry } from './metrics.js';

interface Observed {
  readonly signals: OutboundSignals;
  breakers(): ReadonlyMap<string, BreakerState>;
}

const valueOf = { closed: 0, half_open: 0.5, open: 1 } as const satisfies Record<BreakerState, number>;

/** Shows the breakers, repetitions and refusals of calls to other services, by kind of integration and never by tenant. */
export function observeOutbound(metrics: Metrics, outbound: Observed): Metrics {
  observeBreakers([metrics.registry], outbound);
  observeCalls([metrics.registry], outbound);
  return metrics;
}

function observeBreakers(registers: Registry[], outbound: Observed): void {
  const { signals } = outbound;
  new Gauge({
    name: 'circuit_breaker_state',
    help: 'The worst breaker of an integration, over all tenants, as this process last saw it: 0 closed, 0.5 half open, 1 open',
    labelNames: ['integration'],
    registers,
    collect() {
      this.reset();
      for (const [integration, value] of worstByKind(outbound.breakers())) this.set({ integration }, value);
    },
  });
  new Counter({
    name: 'circuit_breaker_changes_total',
    help: 'Changes of breakers that calls of this process made, by the state that they went to',
    labelNames: ['integration', 'to'],
    registers,
    collect() {
      this.reset();
      for (const [to, counts] of Object.entries(signals.changes))
        for (const [integration, count] of counts) this.inc({ integration, to }, count);
    },
  });
  new Counter({
    name: 'circuit_breaker_changes_unrecorded_total',
    help: 'Changes of breakers that no event tells, because the log was away for too long',
    registers,
    collect() {
      this.reset();
      this.inc(signals.unrecorded);
    },
  });
}

function observeCalls(registers: Registry[], { signals }: Observed): void {
  new Counter({
    name: 'external_retries_total',
    help: 'Repetitions of calls to other services',
    labelNames: ['integration'],
    registers,
    collect() {
      this.reset();
      for (const [integration, count] of signals.retries) this.inc({ integration }, count);
    },
  });
  new Counter({
    name: 'external_refused_total',
    help: 'Calls to other services that were not made: every place was taken, or the breaker is open',
    labelNames: ['integration', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, counts] of Object.entries(signals.refusals))
        for (const [integration, count] of counts) this.inc({ integration, reason }, count);
    },
  });
}

function worstByKind(breakers: ReadonlyMap<string, BreakerState>): ReadonlyMap<string, number> {
  const worst = new Map<string, number>();
  for (const [integration, state] of breakers) {
    const kind = kindOf(integration);
    worst.set(kind, Math.max(worst.get(kind) ?? 0, valueOf[state]));
  }
  return worst;
}
