import { loadConfig } from '#infra/config/config.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { openDomainLog } from '#infra/platform/domain-log.js';
import { observeLog } from '#infra/telemetry/log-metrics.js';
import { createMetrics } from '#infra/telemetry/metrics.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { anEvent, freshStream } from '#test/support/event-log-events.js';
import { EventStoreStandIn } from '#test/support/eventstore-stand-in/stand-in.js';
import { eventually } from './support.js';

describe('the domain log of a process', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase();
  });
  afterAll(() => test.drop());

  const configOf = (env: Record<string, string>) => loadConfig({ env, readFile: () => undefined });
  const quiet = { info: () => undefined, warn: () => undefined };

  it('is in the database when EVENTSTORE_URL is not set', async () => {
    const { log } = await openDomainLog(configOf({}), test.database, quiet);
    expect(log).toBeInstanceOf(PostgresEventLog);
    await log.close();
  });

  it('is on EventStoreDB when EVENTSTORE_URL says so, is waited for, and shows what its subscriptions went through', async () => {
    const away = await EventStoreStandIn.start();
    await away.close();
    const config = configOf({
      EVENTSTORE_URL: away.url.replace('esdb:', 'kurrentdb:'),
      DATABASE_URL: 'postgres://nobody@127.0.0.1/none',
    });
    const warnings: string[] = [];
    let first: () => void = () => undefined;
    const warned = new Promise<void>((resolve) => (first = resolve));
    const opening = openDomainLog(config, test.database, {
      info: () => undefined,
      warn: (message) => {
        warnings.push(message);
        first();
      },
    });
    await warned;
    const standIn = await EventStoreStandIn.start({ port: away.port });
    const { log, signals } = await opening;
    expect(log).toBeInstanceOf(EventStoreDbEventLog);
    expect(warnings[0]).toContain('the event log does not answer yet');
    const { registry } = observeLog(createMetrics({ processMetrics: false }), signals);
    const stop = new AbortController();
    const following = (async () => {
      for await (const batch of log.subscribe({ after: null, signal: stop.signal })) void batch;
    })();
    await eventually(() => signals.connected === 1);
    standIn.endSubscriptions('cleanly');
    await eventually(() => signals.resubscribed === 1 && signals.connected === 1);
    await log.append(freshStream(), [anEvent()], { expected: 'any' });
    const text = await registry.metrics();
    expect(text).toContain('event_log_subscriptions 1');
    expect(text).toContain('event_log_subscriptions_dropped_total{reason="ended"} 1');
    expect(text).toContain('event_log_resubscribed_total 1');
    expect(warnings.at(-1)).toContain('dropped (ended)');
    stop.abort();
    await following;
    expect(signals.connected).toBe(0);
    await log.close();
    await standIn.close();
  });
});
