import { setImmediate } from 'node:timers/promises';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

const NAME = 'select name from thing where id = $1';
const PART = 'select 6 / $1::int as part';

describe('reads that are asked for together', () => {
  let test: TestDatabase;
  const read = (text: string, value: unknown) => test.database.queryTogether(text, [value]);

  beforeAll(async () => {
    test = await openTestDatabase();
    await test.database.query('create table thing (id int primary key, name text)');
    await test.database.query(`insert into thing select n, 'name ' || n from generate_series(1, 200) n`);
    await test.database.query('create view shown as select id, name from thing');
  });
  afterAll(() => test.drop());

  it('each get their own rows', async () => {
    for (let round = 0; round < 3; round += 1) {
      const names = await Promise.all(Array.from({ length: 200 }, (_, at) => read(NAME, at + 1)));
      expect(names).toEqual(Array.from({ length: 200 }, (_, at) => [{ name: `name ${at + 1}` }]));
    }
    expect(await Promise.all([read(NAME, 1), read(PART, 3), read(NAME, 0), read(PART, 2)])).toEqual([
      [{ name: 'name 1' }],
      [{ part: 2 }],
      [],
      [{ part: 3 }],
    ]);
  });

  it('each get their own rows, also those that a connection has not planned yet', async () => {
    const fresh = Array.from({ length: 30 }, (_, at) => `select name || '${at}' as name from thing where id = $1`);
    for (const text of fresh) {
      const names = await Promise.all([read(text, 1), read(NAME, 2), read(text, 3), read(PART, 2), read(text, 4)]);
      const at = fresh.indexOf(text);
      expect(names).toEqual([
        [{ name: `name 1${at}` }],
        [{ name: 'name 2' }],
        [{ name: `name 3${at}` }],
        [{ part: 3 }],
        [{ name: `name 4${at}` }],
      ]);
    }
  });

  it('fail alone', async () => {
    for (let round = 0; round < 3; round += 1) {
      const all = await Promise.allSettled([
        read(NAME, 1),
        read(PART, 0),
        read(NAME, 2),
        read(PART, 'x'),
        read('select no_such_column from thing where id = $1', 1),
        read(NAME, 3),
      ]);
      expect(
        all.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as { code?: string }).code)),
      ).toEqual([[{ name: 'name 1' }], '22012', [{ name: 'name 2' }], '22P02', '42703', [{ name: 'name 3' }]]);
    }
  });

  it('fail alone with a value that cannot be sent', async () => {
    if (test.database.engine === 'pglite') return;
    const text = 'select $1::jsonb as given';
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    await Promise.all(Array.from({ length: 40 }, () => read(text, {})));
    const [first, broken, last] = await Promise.allSettled([read(NAME, 1), read(text, circle), read(NAME, 2)]);
    expect([first, last]).toMatchObject([{ value: [{ name: 'name 1' }] }, { value: [{ name: 'name 2' }] }]);
    expect(broken).toMatchObject({ reason: { message: expect.stringContaining('circular') as string } });
  });

  it('go on when a view among them is replaced by one with other types', async () => {
    const { database } = test;
    const text = 'select * from shown where id = $1';
    const both = () => Promise.all([read(NAME, 1), read(text, 1), read(NAME, 2)]);
    for (let round = 0; round < 8; round += 1) await both();
    await database.query('drop view shown');
    await database.query('create view shown as select id, name, id::text as other from thing');
    for (let round = 0; round < 3; round += 1)
      expect(await both()).toEqual([
        [{ name: 'name 1' }],
        [{ id: 1, name: 'name 1', other: '1' }],
        [{ name: 'name 2' }],
      ]);
  });

  it('see what a transaction did, when they are in it, and only then', async () => {
    const { database } = test;
    await database.transaction(async () => {
      await database.query(`insert into thing values (1000, 'new')`);
      expect(await read(NAME, 1000)).toEqual([{ name: 'new' }]);
      // An embedded database has one session, and the other would wait for it.
      if (database.engine === 'postgres') expect(await database.detached(() => read(NAME, 1000))).toEqual([]);
    });
    expect(await read(NAME, 1000)).toEqual([{ name: 'new' }]);
  });

  it('go round those that are slow, when as many groups are out as there may be', async () => {
    const { database } = test;
    if (database.engine === 'pglite') return;
    const slow = 'select pg_sleep($1::float8) is null as slept';
    await Promise.all(Array.from({ length: 40 }, () => read(slow, 0)));
    const sleeping: Promise<unknown>[] = [];
    for (let groups = 0; groups < 3; groups += 1) {
      sleeping.push(read(slow, 3_600).catch((error: unknown) => error));
      await setImmediate();
      await setImmediate();
    }
    expect(await Promise.all([read(NAME, 1), read(NAME, 2)])).toEqual([[{ name: 'name 1' }], [{ name: 'name 2' }]]);
    const cancel = 'select pg_cancel_backend(pid) from pg_stat_activity where query = $1';
    let cancelled = false;
    void Promise.all(sleeping).then(() => (cancelled = true));
    while (!cancelled) await database.query(cancel, [slow]);
    for (const error of await Promise.all(sleeping)) expect(error).toMatchObject({ code: '57014' });
  });

  it('all fail on a connection that breaks under them, and go on over another', async () => {
    const { database } = test;
    if (database.engine === 'pglite') return;
    const pids = 'select pg_backend_pid() as pid, pg_sleep($1::float8)';
    const ending = `select pg_terminate_backend(pid) from pg_stat_activity
      where query = $1 and state = 'active' and pid <> pg_backend_pid()`;
    await Promise.all([read(pids, 0), read(pids, 0)]);
    const broken = Promise.allSettled([read(pids, 60), read(pids, 0)]);
    let ended: unknown[] = [];
    while (ended.length === 0) ended = await database.query(ending, [pids]);
    for (const { status } of await broken) expect(status).toBe('rejected');
    expect(await read(NAME, 1)).toEqual([{ name: 'name 1' }]);
  });
});
