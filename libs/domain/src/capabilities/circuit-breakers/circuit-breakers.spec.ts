import { specify } from '../../kernel/testing/given.js';
import { circuitBreakers, type BreakerChange, type RecordBreakerChange } from './circuit-breakers.decider.js';

const change = (to: BreakerChange['to'], second: number): BreakerChange => ({
  integration: 'llm.openai api.example.com',
  from: to === 'open' ? 'closed' : to === 'half_open' ? 'open' : 'half_open',
  to,
  reason: to === 'open' ? 'failures_in_a_row' : to === 'half_open' ? 'open_time_passed' : 'trial_succeeded',
  failures: 5,
  error: to === 'open' ? 'INTEGRATION_TIMEOUT' : null,
  at: `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`,
});
const record = (data: BreakerChange): RecordBreakerChange => ({ type: 'RecordBreakerChange', data });
const opened = { type: 'CircuitBreakerOpened', data: change('open', 1) } as const;
const halfOpened = { type: 'CircuitBreakerHalfOpened', data: change('half_open', 31) } as const;
const closed = { type: 'CircuitBreakerClosed', data: change('closed', 32) } as const;

describe('a change of a circuit breaker', () => {
  it('is told by the event of its new state', () => {
    specify(circuitBreakers).given().when(record(opened.data)).then(opened);
    specify(circuitBreakers).given(opened).when(record(halfOpened.data)).then(halfOpened);
    specify(circuitBreakers).given(opened, halfOpened).when(record(closed.data)).then(closed);
  });

  it('is told once, though every process that counts alone tells of it', () => {
    specify(circuitBreakers)
      .given(opened)
      .when(record(change('open', 2)))
      .thenNothing();
    specify(circuitBreakers)
      .given()
      .when(record(change('closed', 2)))
      .thenNothing();
  });

  it('is not told when a later one was, so that the last event is what holds', () => {
    specify(circuitBreakers)
      .given(opened, halfOpened, closed)
      .when(record(change('open', 30)))
      .thenNothing();
  });
});
