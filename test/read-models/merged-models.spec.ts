import { accessRows, auditRows } from '#domain/capabilities/capabilities.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { GenerationStore } from '#infra/projections/generations.js';
import { MergedModels, type MergedPageOptions } from '#infra/read-models/merged-models.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

type Row = RowOf<typeof auditRows.columns>;

const ROWS = 20_000;

describe('two read models as one list', () => {
  let test: TestDatabase;
  let events: MergedModels<Row>;
  let asked: [text: string, params: readonly unknown[]];

  beforeAll(async () => {
    test = await openTestDatabase();
    const { database } = test;
    for (const projection of [auditRows, accessRows]) {
      await new GenerationStore(database).ensure(projection);
      const table = `read.rm_${projection.table}_v${projection.version}_1`;
      // Rows of both tables share their instants, so that only the position and the id decide between them.
      await database.query(
        `insert into ${table} (tenant_id, id, position, occurred_at, actor_type, actor_id, event_type, category, outcome,
                               resource_type, resource_id, request_id, metadata_json, error_code, stream, revision, domain_type)
         select 't' || n % 4, $1 || n, lpad(n::text, 20, '0'), '2026-01-01'::timestamptz + (n / 10) * interval '1 second',
                'api_key', 'k' || n % 40, case when n % 500 = 1 then 'rbac.forbidden' else 'auth.access.success' end, 'auth',
                case when n % 500 = 1 then 'failure' else 'success' end, 'endpoint', '/', 'r' || n, '{}', null, 's', n, 'X'
           from generate_series(1, ${ROWS}) n`,
        [`${projection.table}-`],
      );
      await database.query(`analyze ${table}`);
    }
    const query = database.query.bind(database);
    database.query = (text, params) => {
      asked = [text, params ?? []];
      return query(text, params);
    };
    events = new MergedModels<Row>(database, [auditRows, accessRows], ['occurred_at', 'position', 'id']);
  });
  afterAll(() => test.drop());

  const whole = async (options: Omit<MergedPageOptions<Row>, 'limit'>, limit: number): Promise<Row[]> => {
    const rows: Row[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await events.page('t1', { ...options, limit, cursor });
      rows.push(...page.rows);
      if (page.next === null) return rows;
      cursor = page.next;
    }
  };
  const keyOf = ({ occurred_at, position, id }: Row): string => `${occurred_at} ${position} ${id}`;

  it('has every row once, newest first, whatever the size of its pages', async () => {
    const all = await whole({ where: {} }, 997);
    expect(all).toHaveLength(ROWS / 2);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.map(keyOf)).toEqual(all.map(keyOf).toSorted().toReversed());
    const { rows } = await events.page('t1', { where: {}, limit: 10, offset: 25 });
    expect(rows).toEqual(all.slice(25, 35));
  });

  it('leaves out the read model that holds no such rows', async () => {
    const rows = await whole({ where: { outcome: 'failure' }, from: [accessRows] }, 7);
    expect(rows).toHaveLength(ROWS / 500);
    expect(rows.every(({ id }) => id.startsWith('access_events-'))).toBe(true);
    expect(await whole({ where: {}, from: [] }, 7)).toEqual([]);
  });

  it('finds a row in either, for its tenant only', async () => {
    expect(await events.find('t1', 'access_events-1')).toMatchObject({
      in: accessRows,
      row: { id: 'access_events-1' },
    });
    expect(await events.find('t1', 'audit_events-1')).toMatchObject({ in: auditRows });
    expect(await events.find('t2', 'audit_events-1')).toBeUndefined();
  });

  it.each<[string, MergedPageOptions<Row>['where']]>([
    ['nothing', {}],
    ['failures', { outcome: 'failure' }],
    ['a type', { event_type: 'rbac.forbidden' }],
    ['an actor', { actor_id: 'k1' }],
    ['a request', { request_id: 'r1' }],
    ['a time', { occurred_at: { from: '2026-01-01T00:10:00Z', before: '2026-01-01T00:11:00Z' } }],
  ])('reads no more than it must when it is asked for %s', async (_, where) => {
    await events.page('t1', { where, limit: 50 });
    const [text, params] = asked;
    const plan = await test.database.query<{ 'QUERY PLAN': string }>(`explain ${text}`, params);
    const lines = plan.map((line) => line['QUERY PLAN']);
    expect(lines.filter((line) => line.includes('Seq Scan'))).toEqual([]);
    expect(lines.filter((line) => /Index Scan|Bitmap Index Scan/.test(line))).toHaveLength(2);
  });
});
