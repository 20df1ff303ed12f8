import { recordBreaker } from '#cli/breaker-record.js';
import { circuitBreakerEvents } from '#domain/capabilities/circuit-breakers/circuit-breakers.events.js';
import { CommandPath } from '#infra/commands/command-path.js';
import { LogUnavailable, type EventLog } from '#infra/event-log/event-log.js';
import { MemoryEventLog } from '#infra/event-log/memory-event-log.js';
import { BreakerRecorder } from '#infra/platform/breaker-recorder.js';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound } from '#infra/shared-state/outbound.js';
import type { SharedState } from '#infra/shared-state/shared-state.js';
import { until } from '../support/until.js';

const definitions = new Map(Object.entries(circuitBreakerEvents));
const call = { tenantId: 'acme', integration: 'llm.openai api.example.com' };
const ill = new Error('503');

/** A log that is away while `gone`, and counts how often it was asked. */
class FlakyLog extends MemoryEventLog {
  gone = false;
  asked = 0;

  override append(...args: Parameters<EventLog['append']>): ReturnType<EventLog['append']> {
    this.asked += 1;
    return this.gone ? Promise.reject(new LogUnavailable('away', 1)) : super.append(...args);
  }
}

/** What one process has: its recorder, its breaker and its way out. */
class Process {
  readonly problems: unknown[] = [];
  lost = 0;
  readonly path: CommandPath;
  readonly recorder: BreakerRecorder;
  readonly outbound: Outbound;

  constructor(
    log: EventLog,
    shared: SharedState,
    options: { readonly capacity?: number; readonly openMs?: number } = {},
  ) {
    this.path = new CommandPath({ log, definitions, seal: (_definition, data) => Promise.resolve(data) });
    this.recorder = new BreakerRecorder({
      record: (note) => recordBreaker(this.path, note),
      onProblem: (error) => this.problems.push(error),
      onLost: () => (this.lost += 1),
      pauseMs: 1,
      ...options,
    });
    const limits = { failures: 2, openMs: options.openMs ?? 0 };
    const breaker = new CircuitBreaker(shared, limits, (change) => this.recorder.changed(change));
    this.outbound = new Outbound(breaker, { attempts: 1 });
  }

  fail(integration = call.integration): Promise<void> {
    return expect(this.outbound.call({ ...call, integration }, () => Promise.reject(ill))).rejects.toBe(ill);
  }

  succeed(): Promise<void> {
    return expect(this.outbound.call(call, async () => 'well')).resolves.toBe('well');
  }
}

const told = async (log: EventLog): Promise<object[]> =>
  (await log.readAll({ after: null, limit: 100 })).events.map(({ type, data, metadata }) => ({
    type,
    tenant: metadata.tenantId,
    ...data,
  }));
const types = async (log: EventLog): Promise<unknown[]> =>
  (await told(log)).map((event) => (event as { type: string }).type);

describe('a change of a breaker', () => {
  it('is an event that says what changed and why', async () => {
    const log = new MemoryEventLog();
    const one = new Process(log, new MemorySharedState());
    await one.fail();
    await one.fail();
    await one.fail();
    await one.succeed();
    await one.recorder.stop();
    const base = { tenant: 'acme', integration: call.integration, failures: 2, at: expect.any(String) };
    const opened = { ...base, type: 'CircuitBreakerOpened', to: 'open', error: 'Error' };
    const tried = {
      ...{ ...base, type: 'CircuitBreakerHalfOpened', from: 'open', to: 'half_open' },
      ...{ reason: 'open_time_passed', error: null },
    };
    expect(await told(log)).toEqual([
      { ...opened, from: 'closed', reason: 'failures_in_a_row' },
      tried,
      { ...opened, from: 'half_open', reason: 'trial_failed' },
      tried,
      {
        ...{ ...base, type: 'CircuitBreakerClosed', from: 'half_open', to: 'closed' },
        ...{ failures: 0, reason: 'trial_succeeded', error: null },
      },
    ]);
  });

  it('is one event, of all processes that share the breaker and of those that count alone', async () => {
    for (const shared of [new MemorySharedState(), undefined]) {
      const log = new MemoryEventLog();
      const many = [1, 2, 3].map(() => new Process(log, shared ?? new MemorySharedState(), { openMs: 60_000 }));
      for (let round = 0; round < 3; round += 1)
        await Promise.all(many.map((one) => one.fail().catch(() => undefined)));
      await Promise.all(many.map((one) => one.recorder.stop()));
      const opened = (await types(log)).filter((type) => type === 'CircuitBreakerOpened');
      expect(opened).toHaveLength(1);
    }
  });

  it('waits for a log that is away while calls go on, and is told when it is back', async () => {
    const log = new FlakyLog();
    log.gone = true;
    const one = new Process(log, new MemorySharedState());
    await one.fail();
    await one.fail();
    await until('the log was asked in vain, and again', () => log.asked >= 3);
    await one.succeed();
    log.gone = false;
    await until('all is told', async () => (await types(log)).length === 3);
    expect(await types(log)).toEqual(['CircuitBreakerOpened', 'CircuitBreakerHalfOpened', 'CircuitBreakerClosed']);
    expect(one.problems).toHaveLength(1);
    expect(one.lost).toBe(0);
  });

  it('is not kept for a log that never comes back beyond a bound, and ends with the process', async () => {
    const log = new FlakyLog();
    log.gone = true;
    const one = new Process(log, new MemorySharedState(), { capacity: 3 });
    for (let at = 0; at < 5; at += 1) {
      await one.fail(`service${at}`);
      await one.fail(`service${at}`);
    }
    expect(one.lost).toBe(2);
    await one.recorder.stop();
    expect(one.lost).toBe(5);
    expect(await told(log)).toEqual([]);
  });

  it('that the log refuses for good is given up, and the next one told', async () => {
    const log = new MemoryEventLog();
    const one = new Process(log, new MemorySharedState());
    one.recorder.changed({
      ...{ tenantId: 'NOT A TENANT', integration: 'llm', from: 'closed', to: 'open', reason: 'failures_in_a_row' },
      ...{ failures: 2, error: null, at: new Date() },
    });
    await one.fail();
    await one.fail();
    await one.recorder.stop();
    expect(one.lost).toBe(1);
    expect(await types(log)).toEqual(['CircuitBreakerOpened']);
  });
});
