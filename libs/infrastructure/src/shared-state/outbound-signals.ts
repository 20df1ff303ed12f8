import type { BreakerChange } from './circuit-breaker.js';

/** Why a call was not made: every place was taken, or the breaker is open. */
export type OutboundRefusal = 'busy' | 'open';

/** The part of an integration's name that the code knows; what follows, hosts and projects, would make labels without bound. */
export function kindOf(integration: string): string {
  const [kind = integration] = integration.split(' ', 1);
  return kind;
}

/** Counts of what the way out went through in this process, by kind of integration. */
export class OutboundSignals {
  readonly retries = new Map<string, number>();
  readonly refusals: Readonly<Record<OutboundRefusal, Map<string, number>>> = { busy: new Map(), open: new Map() };
  /** Changes of breakers that calls of this process made, by the state that they went to. */
  readonly changes: Readonly<Record<BreakerChange['to'], Map<string, number>>> = {
    closed: new Map(),
    half_open: new Map(),
    open: new Map(),
  };

  /** Changes of breakers that no event tells, for want of a log. */
  unrecorded = 0;

  retried(integration: string): void {
    count(this.retries, integration);
  }

  refused(integration: string, why: OutboundRefusal): void {
    count(this.refusals[why], integration);
  }

  changed({ integration, to }: Pick<BreakerChange, 'integration' | 'to'>): void {
    count(this.changes[to], integration);
  }
}

function count(counts: Map<string, number>, integration: string): void {
  const kind = kindOf(integration);
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}
