import { analyseGrown } from '#infra/database/statistics.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

describe('the statistics of tables', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase();
    await test.database.query('create table young (id int primary key, text text)');
  });
  afterAll(() => test.drop());

  const grow = (rows: number) =>
    test.database.query(
      `insert into young select n, repeat('x', 500) from generate_series(
         (select coalesce(max(id), 0) from young) + 1, (select coalesce(max(id), 0) from young) + $1::int) n`,
      [rows],
    );
  const known = async () => {
    const [row] = await test.database.query<{ rows: number }>(
      `select reltuples::float8 as rows from pg_class where relname = 'young'`,
    );
    return row?.rows;
  };

  it('follow a table that grows, and leave alone one that does not', async () => {
    await analyseGrown(test.database);
    await grow(1_000);
    expect(await analyseGrown(test.database)).toContain('young');
    expect(await known()).toBe(1_000);
    await grow(100);
    expect(await analyseGrown(test.database)).not.toContain('young');
    await grow(3_500);
    expect(await analyseGrown(test.database)).toContain('young');
    expect(await known()).toBe(4_600);
  });

  it('are a server’s own work once a table is large, and ours where there is no such server', async () => {
    await grow(15_000);
    await analyseGrown(test.database);
    await grow(60_000);
    const analysed = await analyseGrown(test.database);
    expect(analysed.includes('young')).toBe(test.database.engine === 'pglite');
  });
});
