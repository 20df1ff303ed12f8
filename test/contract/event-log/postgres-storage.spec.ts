import { CorruptEvent } from '#infra/event-log/event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { anEvent, freshStream, someEvents } from '#test/support/event-log-events.js';

describe('what Postgres keeps of the event log', () => {
  let open: TestDatabase;
  let log: PostgresEventLog;
  beforeEach(async () => {
    open = await openTestDatabase();
    log = await PostgresEventLog.open(open.database);
  });
  afterEach(async () => {
    await log.close();
    await open.drop();
  });

  it('cannot be changed or removed; only retention may cut the access log', async () => {
    const { database } = open;
    const access = await PostgresEventLog.open(database, 'access');
    await log.append(freshStream(), [anEvent()], { expected: 'any' });
    await access.append(freshStream(), someEvents(2), { expected: 'any' });
    for (const statement of ['update log.event set type = type', 'delete from log.event', 'truncate log.event']) {
      await expect(database.query(statement)).rejects.toMatchObject({ code: 'NX003' });
    }
    const cut = await database.transaction(async () => {
      await database.query(`set local nexusrag.access_retention = 'on'`);
      return database.execute('delete from log.event where log_id = 2 and position = 1');
    });
    expect(cut).toBe(1);
    expect((await access.readAll({ after: null, limit: 9 })).events.map(({ position }) => Number(position))).toEqual([
      2,
    ]);
    await access.close();
  });

  it('is refused as corrupt, with its position, when its bytes do not parse', async () => {
    const first = await log.append(freshStream(), someEvents(2), { expected: 'any' });
    await open.database.query(
      `insert into log.event select log_id, 3, stream_pk, 2, gen_random_uuid(), type, 1, 0, recorded_at, '{"a":', metadata
         from log.event where position = 2`,
    );
    await open.database.query('update log.head set position = 3 where log_id = 1');
    const error = await log.readAll({ after: first.position, limit: 5 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CorruptEvent);
    expect((error as CorruptEvent).position).toBe('00000000000000000003');
  });

  it('is found far behind a sparse filter in bounded steps', async () => {
    await log.append(freshStream(), [anEvent()], { expected: 'any' });
    await open.database.query(
      `insert into log.event
       select log_id, n, stream_pk, n, gen_random_uuid(), type, 1, 0, recorded_at, '{}', metadata
         from log.event, generate_series(2, 45000) n`,
    );
    await open.database.query('update log.head set position = 45000 where log_id = 1');
    await log.append(freshStream(), [anEvent({ type: 'RareSeen' })], { expected: 'any' });
    const steps: string[] = [];
    const stop = new AbortController();
    const filter = { types: ['RareSeen'] };
    for await (const batch of log.subscribe({ after: null, filter, signal: stop.signal })) {
      steps.push(`${Number(batch.scannedTo)} ${batch.events.length}`);
      if (batch.events.length > 0) stop.abort();
    }
    expect(steps).toEqual(['20000 0', '40000 0', '45001 1']);
  });

  it('reaches the ledger as exact texts', async () => {
    const events = someEvents(3);
    await log.append(freshStream(), events, { expected: 'any' });
    const { events: parsed } = await log.readAll({ after: null, limit: 10 });
    const raw = await log.readRaw(null, 10);
    expect(raw.map(({ data, metadata }) => ({ data, metadata }))).toEqual(parsed.map((event) => event.raw));
    expect(raw[2]).toMatchObject({ id: events[2]?.id, revision: 2, occurredAt: events[2]?.metadata.occurredAt });
  });

  it('is not appended to from inside a transaction, which would wait for itself', async () => {
    const append = open.database.transaction(() => log.append(freshStream(), [anEvent()], { expected: 'any' }));
    await expect(append).rejects.toThrow('cannot be part of a database transaction');
    expect(await log.head()).toBeNull();
  });
});
