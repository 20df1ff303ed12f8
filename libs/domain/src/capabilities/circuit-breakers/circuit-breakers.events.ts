import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const breakerStates = ['closed', 'half_open', 'open'] as const;

export const breakerReasons = ['failures_in_a_row', 'open_time_passed', 'trial_failed', 'trial_succeeded'] as const;

/** `at` is of the clock that the processes share; `error` names the failure that was the last straw, never its text. */
const data = {
  integration: t.string,
  from: t.oneOf(...breakerStates),
  to: t.oneOf(...breakerStates),
  reason: t.oneOf(...breakerReasons),
  failures: t.integer,
  error: t.nullable(t.string),
  at: t.instant,
};

const audit = {
  category: 'system',
  resource: ['circuit_breaker', 'integration'],
  shows: ['from', 'to', 'reason', 'failures', 'error'],
} as const;

export const circuitBreakerEvents = defineEvents({
  /** From here on the service is not called for this tenant. */
  CircuitBreakerOpened: {
    version: 1,
    data,
    audit: { ...audit, type: 'system.circuit_breaker.open', outcome: 'failure' },
  },
  /** Some calls are let through to see whether the service is well again. */
  CircuitBreakerHalfOpened: {
    version: 1,
    data,
    audit: { ...audit, type: 'system.circuit_breaker.half_open', outcome: 'success' },
  },
  CircuitBreakerClosed: {
    version: 1,
    data,
    audit: { ...audit, type: 'system.circuit_breaker.closed', outcome: 'success' },
  },
});

export type CircuitBreakerEvent = EventOf<typeof circuitBreakerEvents>;
