import { CatalogueError } from '#domain/kernel/errors.js';
import type { DomainEvent } from '#domain/kernel/events.js';
import { defineProjection, type RowOf } from '#domain/kernel/projection.js';
import { GenerationStore } from '#infra/projections/generations.js';
import { ReadTable } from '#infra/projections/read-table.js';
import { readModelErrors } from '#infra/read-models/cursor.js';
import { ReadModels, type PageOptions, type ReadModel } from '#infra/read-models/read-models.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

const parcels = defineProjection<DomainEvent>()({
  table: 'parcels',
  version: 2,
  columns: {
    id: 'text',
    tenant_id: 'text',
    place: 'text',
    weight: 'bigint',
    arrived_at: 'timestamptz',
    left_at: 'timestamptz?',
    tags: 'text[]',
    extra: 'jsonb',
  },
  searched: ['place'],
  key: (event) => event.type,
});
type Row = RowOf<typeof parcels.columns>;

const at = (n: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, 0, n)).toISOString();

function row(n: number, tenant = 't1'): Row {
  return {
    id: `p${String(n).padStart(3, '0')}`,
    tenant_id: tenant,
    place: n % 2 === 0 ? 'Basel' : 'Genève',
    weight: '9007199254740993',
    arrived_at: at(Math.floor(n / 3)),
    left_at: n % 5 === 0 ? null : at(n),
    tags: ['a', 'b'],
    extra: { n },
  };
}

describe('a read model', () => {
  let open: TestDatabase;
  let table: ReadTable;
  let model: ReadModel<Row>;
  beforeAll(async () => {
    open = await openTestDatabase();
    await new GenerationStore(open.database).ensure(parcels);
    table = new ReadTable(open.database, parcels, 1);
    model = (await ReadModels.open(open.database, [parcels])).for(parcels);
  });
  beforeEach(async () => {
    await table.truncate();
    await table.upsert([...Array.from({ length: 40 }, (_, n) => row(n)), row(1, 't2'), row(2, 't2')]);
  });
  afterAll(() => open.drop());

  async function all(options: Omit<PageOptions<Row>, 'cursor'>, between?: () => Promise<void>): Promise<string[]> {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await model.page('t1', cursor === null ? options : { ...options, cursor });
      ids.push(...page.rows.map(({ id }) => id));
      cursor = page.next;
      await between?.();
    } while (cursor !== null);
    return ids;
  }

  it('gives a row of its tenant with instants and bigints as text, and none of another', async () => {
    expect(await model.find('t1', 'p005')).toEqual(row(5));
    expect(await model.find('t2', 'p005')).toBeUndefined();
    expect(await model.count('t2')).toBe(2);
  });

  it.each([
    [[['arrived_at', 'desc']]],
    [
      [
        ['arrived_at', 'asc'],
        ['id', 'desc'],
      ],
    ],
    [
      [
        ['place', 'desc'],
        ['arrived_at', 'asc'],
      ],
    ],
    [[]],
  ] as const)('pages through every row once in the order of %j', async (orderBy) => {
    const whole = await model.page('t1', { orderBy, limit: 100 });
    expect(whole.next).toBeNull();
    expect(whole.rows).toHaveLength(40);
    expect(await all({ orderBy, limit: 7 })).toEqual(whole.rows.map(({ id }) => id));
  });

  it('pages stably while rows arrive', async () => {
    let n = 100;
    const ids = await all({ orderBy: [['arrived_at', 'desc']], limit: 6 }, async () => {
      n += 1;
      await table.upsert([{ ...row(n), arrived_at: at(90_000 + n) }]);
    });
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => id < 'p100')).toHaveLength(40);
  });

  it('filters by value, set, range and null, and counts the same', async () => {
    const where = {
      place: 'Basel',
      arrived_at: { from: at(2), before: at(8) },
      id: { in: ['p006', 'p007', 'p010', 'p030'] },
    };
    expect((await model.page('t1', { where, limit: 10 })).rows.map(({ id }) => id)).toEqual(['p006', 'p010']);
    expect(await model.count('t1', where)).toBe(2);
    expect(await model.count('t1', { left_at: null })).toBe(8);
    expect(await model.count('t1', { left_at: { from: at(1) }, extra: { n: 7 } })).toBe(1);
  });

  it('refuses a cursor of another tenant, filter or order, and one that was made up', async () => {
    const { next } = await model.page('t1', { where: { place: 'Basel' }, limit: 2 });
    const cursor = next ?? '';
    const forged = Buffer.from(JSON.stringify(['0123456789abcdef', 'p1'])).toString('base64url');
    const lists: (() => Promise<unknown>)[] = [
      () => model.page('t2', { where: { place: 'Basel' }, limit: 2, cursor }),
      () => model.page('t1', { where: { place: 'Genève' }, limit: 2, cursor }),
      () => model.page('t1', { where: { place: 'Basel' }, orderBy: [['arrived_at', 'asc']], limit: 2, cursor }),
      () => model.page('t1', { limit: 2, cursor: forged }),
      () => model.page('t1', { limit: 2, cursor: 'no cursor' }),
    ];
    for (const list of lists) await expect(list()).rejects.toMatchObject({ row: readModelErrors.invalidCursor });
    const order = { orderBy: [['arrived_at', 'asc']], limit: 2 } as const;
    const { next: real } = await model.page('t1', order);
    const [hash] = JSON.parse(Buffer.from(real ?? '', 'base64url').toString()) as string[];
    const nonsense = Buffer.from(JSON.stringify([hash, 'not a time', 'p1'])).toString('base64url');
    await expect(model.page('t1', { ...order, cursor: nonsense })).rejects.toThrow(CatalogueError);
  });

  it('finds parts of words whatever their case, and takes %, _ and \\ for themselves', async () => {
    const places = ['100% Bern', '100 Bern', 'a_b', 'axb', 'a\\b', 'ÉVIAN'];
    await table.upsert(places.map((place, at) => ({ ...row(50 + at), place })));
    const found = async (text: string): Promise<readonly string[]> => {
      const { rows } = await model.page('t1', { search: { columns: ['place'], text }, limit: 50 });
      return rows.map(({ place }) => place);
    };
    expect(await found('0% b')).toEqual(['100% Bern']);
    expect(await found('A_B')).toEqual(['a_b']);
    expect(await found('a\\b')).toEqual(['a\\b']);
    expect(await found('éVi')).toEqual(['ÉVIAN']);
    expect(await found('GENÈ')).toHaveLength(20);
    expect(await found("' or true --")).toEqual([]);
  });

  it('indexes what is searched for by trigrams', async () => {
    const { database } = open;
    await table.upsert(
      Array.from({ length: 20_000 }, (_, n) => ({ ...row(1_000 + n), id: `q${n}`, place: `Place ${n}` })),
    );
    await table.analyze();
    const text = `explain select id from ${table.physical} t where t.tenant_id = 't1' and lower(t.place) like '%ace 2718%'`;
    const plan = (await database.query<{ 'QUERY PLAN': string }>(text)).map((line) => line['QUERY PLAN']).join('\n');
    expect(plan).toContain('_search');
  });

  it('counts the values of a facet over all rows that are meant, the most frequent first', async () => {
    await table.upsert([{ ...row(60), place: 'Chur' }]);
    expect(await model.facet('t1', 'place', { where: { id: { from: 'p001' } } })).toEqual([
      { value: 'Genève', count: 20 },
      { value: 'Basel', count: 19 },
      { value: 'Chur', count: 1 },
    ]);
    expect(await model.facet('t1', 'place', { search: { columns: ['place'], text: 'ch' } })).toEqual([
      { value: 'Chur', count: 1 },
    ]);
  });

  it('is seen across tenants only by its name', async () => {
    const operators = model.acrossTenants();
    expect(await operators.count()).toBe(42);
    expect((await operators.page({ where: { id: 'p001' }, limit: 10 })).rows.map((found) => found.tenant_id)).toEqual([
      't1',
      't2',
    ]);
    const found = await operators.repository().findOneByOrFail({ tenant_id: 't2', id: 'p001' });
    expect({ ...found }).toEqual(row(1, 't2'));
  });
});
