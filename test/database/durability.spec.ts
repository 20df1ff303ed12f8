import { Database, type Durability } from '#infra/database/database.js';
import { openTestDatabase, testEngine, type TestDatabase } from '#test/support/database.js';

const setting = `select current_setting('synchronous_commit') as waits`;

interface Row {
  readonly waits: string;
}

describe('the durability of a transaction', () => {
  let open: TestDatabase;
  const others: Database[] = [];
  beforeAll(async () => {
    open = await openTestDatabase();
  });
  afterAll(async () => {
    for (const other of others) await other.close();
    await open.drop();
  });

  async function databaseOf(holdsLog: boolean): Promise<Database> {
    if (open.url === undefined) return open.database;
    const database = await Database.open({ url: open.url }, { poolSize: 1, holdsLog });
    others.push(database);
    return database;
  }

  const off = testEngine === 'postgres' ? 'off' : 'on';

  it.each<[boolean, Durability, string]>([
    [true, 'now', 'on'],
    [true, 'with-log', off],
    [true, 'derived', off],
    [false, 'now', 'on'],
    [false, 'with-log', 'on'],
    [false, 'derived', off],
  ])('where the database holds the log (%s) and it is to be %s, waits: %s', async (holdsLog, durability, waits) => {
    const database = await databaseOf(holdsLog);
    const seen = await database.transaction(() => database.query<Row>(setting), { durability });
    expect(seen).toEqual([{ waits }]);
    // No longer than the transaction, on the only connection.
    expect(await database.query(setting)).toEqual([{ waits: 'on' }]);
    const statement = `with w as materialized (select ${database.durably(durability)} as said) select coalesce(said, 'on') as waits from w`;
    expect(await database.queryPrepared(statement)).toEqual([{ waits }]);
    expect(await database.query(setting)).toEqual([{ waits: 'on' }]);
  });

  it('is that of the outer one where they are nested', async () => {
    const database = await databaseOf(true);
    const inner = (): Promise<Row[]> => database.transaction(() => database.query<Row>(setting));
    expect(await database.transaction(inner, { durability: 'derived' })).toEqual([{ waits: off }]);
  });
});
