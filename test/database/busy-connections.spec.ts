import { Database } from '#infra/database/database.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

describe('a pool whose short work shares one connection', () => {
  let open: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    open = await openTestDatabase();
    const { url } = open;
    database = url === undefined ? open.database : await Database.open({ url }, { poolSize: 8, busyConnections: 1 });
  });
  afterAll(async () => {
    if (database !== open.database) await database.close();
    await open.drop();
  });

  it('gives each of many that come at once its own answer, whether its statement fails or not', async () => {
    const asked = Array.from({ length: 40 }, (_, at) =>
      database.query<{ n: number }>(`select 12 / $1::int as n`, [at % 4]),
    );
    const settled = await Promise.allSettled(asked);
    const seen = settled.map((one) =>
      one.status === 'fulfilled' ? one.value[0]?.n : (one.reason as { code: string }).code,
    );
    expect(seen).toEqual(Array.from({ length: 40 }, (_, at) => ['22012', 12, 6, 4][at % 4]));
  });

  it('does not stand still where who holds a connection waits for another', async () => {
    if (database.engine === 'pglite') return;
    const nested = (): Promise<{ n: number }[]> =>
      database.transaction(() => database.detached(() => database.query('select 1 as n')));
    expect(await Promise.all(Array.from({ length: 4 }, nested))).toEqual(Array.from({ length: 4 }, () => [{ n: 1 }]));
  });
});
