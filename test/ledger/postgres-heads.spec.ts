import { PostgresHeadStore } from '#infra/ledger/postgres-head-store.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

describe('signed heads in a database of their own', () => {
  let open: TestDatabase;
  beforeAll(async () => {
    open = await openTestDatabase();
  });
  afterAll(() => open.drop());

  it('are what the last process saved, for every process', async () => {
    const one = await PostgresHeadStore.open(open.database);
    const other = await PostgresHeadStore.open(open.database);
    expect(await one.load('domain')).toBeUndefined();
    await one.save('domain', { timeline: 1, note: 'first' });
    await one.save('domain', { timeline: 1, note: 'second' });
    expect(await other.load('domain')).toEqual({ timeline: 1, note: 'second' });
    expect(await other.load('access')).toBeUndefined();
  });

  it('are kept when an operator gives them up', async () => {
    const store = await PostgresHeadStore.open(open.database);
    await store.archive('domain', { timeline: 1, note: 'given up' });
    await store.save('domain', { timeline: 2, note: 'new' });
    const kept = await open.database.query('select timeline, note from ledger_heads.abandoned');
    expect(kept).toEqual([{ timeline: 1, note: 'given up' }]);
  });
});
