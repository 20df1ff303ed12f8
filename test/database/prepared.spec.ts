import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

describe('a prepared query', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await openTestDatabase();
    await test.database.query('create table thing (id int primary key, name text)');
    await test.database.query(`insert into thing values (1, 'one'), (2, 'two')`);
    await test.database.query('create view shown as select id, name from thing');
  });
  afterAll(() => test.drop());

  it('gives the rows of its values at each call', async () => {
    const text = 'select name from thing where id = $1';
    for (let round = 0; round < 8; round += 1) {
      expect(await test.database.queryPrepared(text, [1])).toEqual([{ name: 'one' }]);
      expect(await test.database.queryPrepared(text, [2])).toEqual([{ name: 'two' }]);
    }
  });

  it('joins the ambient transaction, and is gone with it', async () => {
    const { database } = test;
    const insert = 'insert into thing values ($1, $2) returning id';
    const failed = database.transaction(async () => {
      expect(await database.queryPrepared(insert, [3, 'three'])).toEqual([{ id: 3 }]);
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await database.queryPrepared('select id from thing where id = $1', [3])).toEqual([]);
  });

  it('goes on when its view is replaced by one with other types', async () => {
    const { database } = test;
    const text = 'select * from shown where id = $1';
    for (let round = 0; round < 8; round += 1) await database.queryPrepared(text, [1]);
    await database.query('drop view shown');
    await database.query('create view shown as select id, name, id::text as other from thing');
    for (let round = 0; round < 3; round += 1) {
      expect(await database.queryPrepared(text, [1])).toEqual([{ id: 1, name: 'one', other: '1' }]);
    }
  });

  it('goes on after its error', async () => {
    const { database } = test;
    const text = 'select 6 / $1::int as part';
    await expect(database.queryPrepared(text, [0])).rejects.toMatchObject({ code: '22012' });
    expect(await database.queryPrepared(text, [3])).toEqual([{ part: 2 }]);
  });
});
