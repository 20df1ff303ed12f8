import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

describe('the database', () => {
  let open: TestDatabase;
  beforeAll(async () => {
    open = await openTestDatabase();
    await open.database.query('create table kept (id int primary key)');
  });
  afterAll(() => open.drop());

  it('keeps every commit and no rollback while transactions, queries and listeners mix', async () => {
    const { database } = open;
    const heard: string[] = [];
    const stop = await database.listen('kept', (payload) => heard.push(payload));
    const one = async (id: number): Promise<void> => {
      const failing = database.transaction(async () => {
        await database.query('insert into kept values ($1)', [id]);
        await database.notify('kept', String(id));
        await database.query('select count(*) from kept');
        if (id % 3 === 0) throw new Error('refused on purpose');
      });
      await (id % 3 === 0 ? expect(failing).rejects.toThrow('refused on purpose') : failing);
    };
    const reads = Array.from({ length: 100 }, async (_, id) => {
      const rows = await database.query<{ id: number }>('select $1::int as id', [id]);
      expect(rows).toEqual([{ id }]);
    });
    const broken = Array.from({ length: 50 }, () => expect(database.query('select nothing_here')).rejects.toThrow());
    await Promise.all([...Array.from({ length: 300 }, (_, id) => one(id)), ...reads, ...broken]);
    const rows = await database.query<{ id: number }>('select id from kept order by id');
    expect(rows.map((row) => row.id)).toEqual(Array.from({ length: 300 }, (_, id) => id).filter((id) => id % 3 !== 0));
    await database.query('select 1');
    const deadline = Date.now() + 5_000;
    while (heard.length < 200 && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
    expect(heard.toSorted()).toEqual(rows.map((row) => String(row.id)).toSorted());
    await stop();
  });

  it('runs what was asked for after the commit only when there was one', async () => {
    const { database } = open;
    const ran: string[] = [];
    await database.transaction(async () => {
      database.afterCommit(() => ran.push('committed'));
      await database.query('select 1');
      expect(ran).toEqual([]);
    });
    await database
      .transaction(async () => {
        database.afterCommit(() => ran.push('rolled back'));
        await database.query('select nothing_here');
      })
      .catch(() => undefined);
    expect(ran).toEqual(['committed']);
  });
});
