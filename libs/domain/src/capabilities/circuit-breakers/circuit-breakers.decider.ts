import { defineDecider, type Decision } from '../../kernel/decider.js';
import type { CircuitBreakerEvent } from './circuit-breakers.events.js';

export type BreakerChange = CircuitBreakerEvent['data'];

export interface RecordBreakerChange {
  readonly type: 'RecordBreakerChange';
  readonly data: BreakerChange;
}

/** The newest change that was recorded; of no time before the first. */
export interface BreakerRecord {
  readonly state: BreakerChange['to'];
  readonly at: string;
}

const eventOf = {
  open: 'CircuitBreakerOpened',
  half_open: 'CircuitBreakerHalfOpened',
  closed: 'CircuitBreakerClosed',
} as const satisfies Record<BreakerChange['to'], CircuitBreakerEvent['type']>;

/**
 * One stream a tenant and integration. Processes that count alone, while what they share is away, each tell of the same
 * change, and what waited for the log comes late: neither makes an event.
 */
export const circuitBreakers = defineDecider<RecordBreakerChange, CircuitBreakerEvent, BreakerRecord>({
  category: 'circuitBreakers',
  initial: { state: 'closed', at: '' },
  decide: ({ data }, { state, at }): Decision<CircuitBreakerEvent> =>
    data.to === state || data.at < at ? [] : [{ type: eventOf[data.to], data }],
  evolve: (_state, { data }) => ({ state: data.to, at: data.at }),
});
