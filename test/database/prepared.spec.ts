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

  it('gives the same values of every type at the first call and later', async () => {
    const text = `select $1::text as a, $2::bigint as b, $3::jsonb as c, $4::text[] as d, $5::bytea as e,
      $6::timestamptz as f, $7::bool as g, null::int as h, $8::float8[] as i, 'twice' as h2, 'over' as h2`;
    const at = new Date('2026-03-04T05:06:07.089Z');
    const list = ['a "quoted", \\ one', '', 'é{}'];
    const values = [
      'é\n',
      '9007199254740993',
      { k: [1, null] },
      list,
      Buffer.from([0, 255, 7]),
      at,
      true,
      [0.5, -1e300],
    ];
    const row = {
      ...{ a: 'é\n', b: '9007199254740993', c: { k: [1, null] }, d: list, e: Buffer.from([0, 255, 7]), f: at, g: true },
      ...{ h: null, i: [0.5, -1e300], h2: 'over' },
    };
    for (let round = 0; round < 3; round += 1) expect(await test.database.queryPrepared(text, values)).toEqual([row]);
  });

  it('gives lists back as they were, at the first call and later', async () => {
    const texts = ['NULL', null, '', ' ', ',', '{}', '"', '\\', '\\"', 'tab\tnew\nline', '$&', 'é東🙂'];
    const instants = [new Date('2026-03-04T05:06:07.089Z'), null];
    const bytes = [Buffer.from([0, 34, 92, 255]), Buffer.alloc(0)];
    const text = `select $1::text[] as texts, $2::float8[] as numbers, $3::bool[] as truths, $4::bigint[] as large,
      $5::timestamptz[] as instants, $6::bytea[] as bytes, $7::int[][] as nested, $8::text[] as empty`;
    const row = { texts, numbers: [0, -0.5, 1e21, Infinity], truths: [true, false, null], instants, bytes };
    const more = { large: ['9007199254740993', '-1'], nested: [[1], [2]], empty: [] };
    const large = [9007199254740993n, -1n];
    const values = [texts, row.numbers, row.truths, large, instants, bytes, more.nested, more.empty];
    for (let round = 0; round < 3; round += 1)
      expect(await test.database.queryPrepared(text, values)).toEqual([{ ...row, ...more }]);
  });

  it('refuses a value that cannot be sent, and goes on', async () => {
    const { database } = test;
    if (database.engine === 'pglite') return;
    const text = 'select $1::jsonb as given';
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const asked = [1, 2].map(() => database.queryPrepared(text, [{}]));
    expect(await Promise.all(asked)).toEqual([[{ given: {} }], [{ given: {} }]]);
    await expect(database.queryPrepared(text, [circle])).rejects.toThrow('circular');
    expect(await database.queryPrepared(text, ['1'])).toEqual([{ given: 1 }]);
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
    await expect(database.queryPrepared(text, [0])).rejects.toMatchObject({ code: '22012' });
    expect(await database.queryPrepared(text, [2])).toEqual([{ part: 3 }]);
  });

  it('fails on a connection that breaks under it, and goes on over another', async () => {
    const { database } = test;
    if (database.engine === 'pglite') return;
    const text = 'select pg_backend_pid() as pid, pg_terminate_backend($1::int)';
    const killing = database.session(async () => {
      const [first] = await database.queryPrepared<{ pid: number }>(text, [0]);
      await database.queryPrepared(text, [first?.pid]);
    });
    await expect(killing).rejects.toMatchObject({ code: '57P01' });
    expect(await database.queryPrepared('select name from thing where id = $1', [1])).toEqual([{ name: 'one' }]);
  });
});
