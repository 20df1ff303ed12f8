import { Database } from '#infra/database/database.js';
import { AppendOutcomeUnknown, LogUnavailable, type StoredEvent } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { openTestDatabase, testEngine, type TestDatabase } from '#test/support/database.js';
import { anEvent, freshStream, someEvents } from '#test/support/event-log-events.js';
import { LossyProxy } from '#test/support/event-log-proxy.js';

const onServer = testEngine === 'postgres' ? describe : describe.skip;

onServer('the event log when the connection breaks', () => {
  let direct: TestDatabase;
  let proxy: LossyProxy;
  let database: Database;
  let log: PostgresEventLog;
  beforeEach(async () => {
    direct = await openTestDatabase();
    proxy = await LossyProxy.before(direct.url ?? '');
    database = await Database.open({ url: proxy.url });
    log = await PostgresEventLog.open(database);
  });
  afterEach(async () => {
    await log.close();
    await database.close();
    await proxy.close().catch(() => undefined);
    await direct.drop();
  });

  const stored = async (): Promise<number> => {
    const [row] = await direct.database.query<{ n: string }>('select count(*) as n from log.event');
    return Number(row?.n);
  };
  const until = async (condition: () => Promise<boolean>): Promise<void> => {
    while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
  };

  it('calls the outcome unknown when the answer is lost, and the same events again are not stored twice', async () => {
    const stream = freshStream();
    const events = someEvents(3);
    proxy.loseAnswers();
    const lost = log.append(stream, events, { expected: 'no-stream' }).catch((error: unknown) => error);
    await until(async () => (await stored()) === 3);
    proxy.drop();
    expect(await lost).toBeInstanceOf(AppendOutcomeUnknown);
    const again = await log.append(stream, events, { expected: 'no-stream' });
    expect(again).toMatchObject({ revision: 2, deduplicated: true });
    expect(await stored()).toBe(3);
  });

  it('calls the outcome unknown when the backend dies in mid-append; nothing was stored and the same events are taken', async () => {
    const streams = [freshStream(), freshStream()];
    const events = streams.map(() => anEvent());
    const append = (at: number): Promise<unknown> =>
      log.append(streams[at] ?? '', [events[at] ?? anEvent()], { expected: 'no-stream' });
    let lost: Promise<unknown>[] = [];
    await direct.database.transaction(async () => {
      await direct.database.query('select from log.head for update');
      lost = [0, 1].map((at) => append(at).catch((error: unknown) => error));
      await until(async () => {
        // Outside the transaction, which would see one snapshot of the activity for ever.
        const killed = await direct.database.detached(() =>
          direct.database.query<{ ok: boolean }>(
            `select pg_terminate_backend(pid) as ok from pg_stat_activity
              where datname = current_database() and wait_event_type = 'Lock' and query like '%log.append_%'`,
          ),
        );
        return killed.length > 0;
      });
      await Promise.all(lost);
    });
    for (const error of await Promise.all(lost)) expect(error).toBeInstanceOf(AppendOutcomeUnknown);
    expect(await stored()).toBe(0);
    expect(await Promise.all([append(0), append(1)])).toMatchObject([{ deduplicated: false }, { deduplicated: false }]);
    expect(await stored()).toBe(2);
  });

  it('says that it is unavailable, with nothing stored, when no connection can be made', async () => {
    await proxy.close();
    await until(async () => !(await database.ping()));
    const refused = await log.append(freshStream(), [anEvent()], { expected: 'any' }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LogUnavailable);
    expect((refused as LogUnavailable).retryAfterMs).toBeGreaterThan(0);
    await expect(log.readAll({ after: null, limit: 1 })).rejects.toBeInstanceOf(LogUnavailable);
    expect(await stored()).toBe(0);
  });

  it('follows the log across lost connections without missing or repeating an event', async () => {
    const other = await PostgresEventLog.open(direct.database);
    const stop = new AbortController();
    const seen: StoredEvent[] = [];
    let rounds = 0;
    for await (const batch of log.subscribe({ after: null, signal: stop.signal, batchSize: 10 })) {
      seen.push(...batch.events);
      if (seen.length >= 100) stop.abort();
      else if (rounds * 20 <= seen.length) {
        rounds += 1;
        proxy.drop();
        await other.append(freshStream(), someEvents(20), { expected: 'any' });
      }
    }
    await other.close();
    expect(seen.map(({ position }) => Number(position))).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
  });
});
