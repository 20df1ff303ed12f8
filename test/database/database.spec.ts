import type { OrderedStatement } from '#infra/database/prepared.js';
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

  describe('in two steps', () => {
    const insert = (id: number): OrderedStatement => ({
      text: 'insert into kept values ($1) returning id',
      values: [id],
      often: true,
    });
    const broken: OrderedStatement = { text: 'insert into kept values (1 / $1::int)', values: [0], often: true };
    const ids = async (from: number): Promise<number[]> => {
      const rows = await open.database.query<{ id: number }>('select id from kept where id >= $1 order by id', [from]);
      return rows.map(({ id }) => id);
    };

    it('keeps what both wrote, the second from what the first gave', async () => {
      const { database } = open;
      const ran: string[] = [];
      // Twice: by the second time the statements are planned.
      for (const from of [1_000, 1_010]) {
        await database.inTwoSteps([insert(from), insert(from + 1)], async (rows) => {
          database.afterCommit(() => ran.push(`committed ${from}`));
          const own = await database.query<{ id: number }>('select max(id) as id from kept');
          expect(rows).toEqual([[{ id: from }], [{ id: from + 1 }]]);
          return [insert((own[0]?.id ?? 0) + 1)];
        });
      }
      expect(await ids(1_000)).toEqual([1_000, 1_001, 1_002, 1_010, 1_011, 1_012]);
      expect(ran).toEqual(['committed 1000', 'committed 1010']);
    });

    it('keeps nothing where either fails, and names what failed', async () => {
      const { database } = open;
      const never = () => Promise.reject(new Error('not asked'));
      for (let times = 0; times < 3; times += 1) {
        await expect(database.inTwoSteps([insert(2_000), broken], never)).rejects.toMatchObject({
          name: 'StatementFailed',
          statement: broken,
        });
        const later = database.inTwoSteps([insert(2_000)], () =>
          Promise.resolve([insert(2_001), broken, insert(2_002)]),
        );
        await expect(later).rejects.toMatchObject({ name: 'StatementFailed', statement: broken });
        await expect(database.inTwoSteps([insert(2_000)], never)).rejects.toThrow('not asked');
      }
      expect(await ids(2_000)).toEqual([]);
    });

    it('is part of the transaction around it', async () => {
      const { database } = open;
      const around = database.transaction(async () => {
        await database.inTwoSteps([insert(3_000)], () => Promise.resolve([insert(3_001)]));
        expect(await ids(3_000)).toEqual([3_000, 3_001]);
        throw new Error('all of it');
      });
      await expect(around).rejects.toThrow('all of it');
      expect(await ids(3_000)).toEqual([]);
    });
  });
});
