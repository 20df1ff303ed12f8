import { Database, type Durability } from '#infra/database/database.js';
import { openTestDatabase, testEngine, type TestDatabase } from '#test/support/database.js';

const setting = `select current_setting('synchronous_commit') as waits`;

interface Row {
  readonly waits: string;
}

describe('the durability of a transaction', () => {
  let open: TestDatabase;
  /** Of one connection. */
  let database: Database;
  beforeAll(async () => {
    open = await openTestDatabase();
    const { url } = open;
    database = url === undefined ? open.database : await Database.open({ url }, { poolSize: 1 });
  });
  afterAll(async () => {
    if (database !== open.database) await database.close();
    await open.drop();
  });

  const off = testEngine === 'postgres' ? 'off' : 'on';

  it.each<[Durability, string]>([
    ['now', 'on'],
    ['derived', off],
  ])('that is to be %s waits: %s', async (durability, waits) => {
    const seen = await database.transaction(() => database.query<Row>(setting), { durability });
    expect(seen).toEqual([{ waits }]);
    // No longer than the transaction, on the only connection.
    expect(await database.query(setting)).toEqual([{ waits: 'on' }]);
  });

  it('is that of the outer one where they are nested', async () => {
    const inner = (): Promise<Row[]> => database.transaction(() => database.query<Row>(setting));
    expect(await database.transaction(inner, { durability: 'derived' })).toEqual([{ waits: off }]);
  });
});
