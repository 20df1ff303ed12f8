import { isAppended, type Companion, type CompanionKind } from '#infra/event-log/companions.js';
import { AppendRefused, WrongExpectedRevision, type EventLog } from '#infra/event-log/event-log.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { anEvent, freshStream, someEvents } from '#test/support/event-log-events.js';
import { EventStoreStandIn } from '#test/support/eventstore-stand-in/stand-in.js';
import { all } from './event-log.contract.js';

/** A row of a table in which a name is taken once, and a size is above 0. */
interface Parcel {
  readonly name: string;
  readonly size: number;
}

const STORE = `
  with given as (
    select g.*, (g.place - 1)::int as at
      from unnest($1::text[], $2::int[], $3::int[]) with ordinality g(name, size, append, place)
     where ${isAppended('g.append')}),
  made as (insert into parcel select name, size from given on conflict do nothing returning name)
  select at from given join made using (name)`;
const LOOKUP = `
  select (g.place - 1)::int as at from unnest($1::text[], $2::int[]) with ordinality g(name, size, place)
    join parcel p using (name, size)`;

const parcels = (order: CompanionKind['order']): CompanionKind<Parcel> => {
  const valuesOf = (rows: readonly Parcel[]) => [rows.map(({ name }) => name), rows.map(({ size }) => size)];
  return {
    order,
    statement: (rows, appends) => ({
      text: STORE,
      values: [...valuesOf(rows), rows.map((_, at) => appends?.[at] ?? null)],
    }),
    lookup: (rows) => ({ text: LOOKUP, values: valuesOf(rows) }),
  };
};
const kinds = { before: parcels('before'), after: parcels('after') };
const aParcel = (name: string, size = 1, order: CompanionKind['order'] = 'before'): Companion => ({
  kind: kinds[order],
  row: { name, size },
  bytes: 10,
});

interface LogBesideRows {
  readonly log: EventLog;
  close(): Promise<void>;
}

const logs: Readonly<Record<string, (test: TestDatabase) => Promise<LogBesideRows>>> = {
  'the database': async ({ database }) => {
    const log = await PostgresEventLog.open(database);
    return { log, close: () => log.close() };
  },
  EventStoreDB: async ({ database }) => {
    const standIn = await EventStoreStandIn.start();
    const log = await EventStoreDbEventLog.open({ connectionString: standIn.url, database });
    return { log, close: () => log.close().then(() => standIn.close()) };
  },
};

describe.each(Object.entries(logs))('what is stored with an append to a log in %s', (where, openLog) => {
  let test: TestDatabase;
  let opened: LogBesideRows;
  let log: EventLog;
  beforeAll(async () => {
    test = await openTestDatabase();
    await test.database.query('create table parcel (name text primary key, size int check (size > 0))');
    opened = await openLog(test);
    ({ log } = opened);
  });
  afterAll(async () => {
    await opened.close();
    await test.drop();
  });

  const stored = async (): Promise<string[]> =>
    (await test.database.query<Parcel>('select name from parcel order by name')).map(({ name }) => name);
  const isThere = async (name: string): Promise<boolean> => (await stored()).includes(name);

  it('is there with it, and the appender hears of each', async () => {
    const companions = [aParcel('first'), aParcel('second', 2, 'after')];
    const result = await log.append(freshStream(), someEvents(2), { expected: 'no-stream', companions });
    expect(result).toMatchObject({ revision: 1, deduplicated: false, companions: [true, true] });
    expect(await stored()).toEqual(['first', 'second']);
  });

  it('is not told of where there is none', async () => {
    expect(await log.append(freshStream(), [anEvent()], { expected: 'any' })).not.toHaveProperty('companions');
  });

  it('is there once, and told again, when the append is repeated', async () => {
    const [stream, events] = [freshStream(), someEvents(1)];
    const append = () => log.append(stream, events, { expected: 'no-stream', companions: [aParcel('again')] });
    await append();
    expect(await append()).toMatchObject({ deduplicated: true, companions: [true] });
    expect((await stored()).filter((name) => name === 'again')).toHaveLength(1);
  });

  it('is nowhere when the append is refused', async () => {
    const stream = freshStream();
    await log.append(stream, [anEvent()], { expected: 'no-stream' });
    const companions = [aParcel('late', 1, 'after')];
    const refused = log.append(stream, [anEvent()], { expected: 'no-stream', companions });
    await expect(refused).rejects.toBeInstanceOf(WrongExpectedRevision);
    expect(await isThere('late')).toBe(false);
  });

  it('goes with its own append, however many come at one time', async () => {
    const taken = freshStream();
    await log.append(taken, [anEvent()], { expected: 'no-stream' });
    const many = Array.from({ length: 60 }, (_, at) => ({ at, refused: at % 3 === 1 }));
    const outcomes = await Promise.allSettled(
      many.map(({ at, refused }) => {
        const companions = [aParcel(`many ${at}`, 1, 'after'), aParcel(`more ${at}`, 1, 'after')].slice(at % 2);
        return log.append(refused ? taken : freshStream(), [anEvent()], { expected: 'no-stream', companions });
      }),
    );
    const names = await stored();
    for (const { at, refused } of many) {
      expect(outcomes[at]?.status).toBe(refused ? 'rejected' : 'fulfilled');
      expect(names.includes(`more ${at}`)).toBe(!refused);
      expect(names.includes(`many ${at}`)).toBe(!refused && at % 2 === 0);
    }
  });

  const takesNobodyAlong = () =>
    it('takes nobody with it where the database refuses it', async () => {
      const sizes = [1, 0, 2, -1, 3];
      const streams = sizes.map(() => freshStream());
      const outcomes = await Promise.allSettled(
        sizes.map((size, at) =>
          log.append(streams[at] ?? '', [anEvent()], {
            expected: 'no-stream',
            companions: [aParcel(`sized ${size}`, size)],
          }),
        ),
      );
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(sizes.map((size) => size > 0));
      expect((await stored()).filter((name) => name.startsWith('sized'))).toEqual(['sized 1', 'sized 2', 'sized 3']);
      for (const [at, size] of sizes.entries()) {
        const [first] = await all(log.readStream(streams[at] ?? ''));
        expect(first === undefined).toBe(size <= 0);
      }
    });

  const keepsItBack = () =>
    it('keeps the append back where it comes before it and is taken', async () => {
      const stream = freshStream();
      await log.append(freshStream(), [anEvent()], { expected: 'any', companions: [aParcel('taken', 1)] });
      const refused = log.append(stream, [anEvent()], { expected: 'any', companions: [aParcel('taken', 2)] });
      await expect(refused).rejects.toBeInstanceOf(AppendRefused);
      expect(await all(log.readStream(stream))).toEqual([]);
    });

  (where === 'the database' ? takesNobodyAlong : keepsItBack)();
});
