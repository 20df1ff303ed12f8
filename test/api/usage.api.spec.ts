import { createHash } from 'node:crypto';
import {
  usageCounters,
  usageDays,
  usageMinutes,
  usageStorage,
  type UsageRow,
} from '#domain/capabilities/usage/usage.projection.js';
import { forgetMinutes } from '#api/capabilities/usage/usage-retention.handler.js';
import { exportText } from '#api/capabilities/usage/usage-export.queries.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import { TimeTravel } from '#infra/projections/time-travel.js';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const today = (): string => new Date().toISOString().slice(0, 10);

interface Summary {
  readonly requests: { total: number; by_route_class: Record<string, number> };
  readonly quota: object;
  readonly runs: object;
  readonly tokens: { input: number; output: number; estimated: number };
  readonly storage_bytes: number;
}
interface Point {
  readonly ts: string;
  readonly value: number;
}

describe('the usage of a tenant', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  const summary = async (query = ''): Promise<Summary> => {
    const answer = await tenant.admin.get(`/v1/self-serve/usage/summary${query}`);
    expect(answer.status).toBe(200);
    return answer.data as Summary;
  };
  const points = async (query: string): Promise<readonly Point[]> => {
    const answer = await tenant.admin.get(`/v1/self-serve/usage/timeseries?${query}`);
    expect(answer.status).toBe(200);
    return (answer.data as { points: Point[] }).points;
  };

  it('holds the caller’s own requests up to the one that asks, by class, and what is left of the quota', async () => {
    await tenant.admin.patch(`/v1/admin/quotas/${tenant.tenantId}`, { daily_requests_limit: 10, soft_cap_ratio: 0.3 });
    await tenant.reader.get('/v1/corpora');
    await aCorpus(tenant);
    expect(await summary()).toMatchObject({
      window_days: 30,
      requests: { total: 4, by_route_class: { run: 0, read: 2, mutation: 2, ops: 0 } },
      quota: {
        day: { limit: 10, used: 3, remaining: 7 },
        month: { limit: null, used: 3, remaining: null },
        soft_cap_reached: true,
        hard_cap_mode: 'enforce',
      },
      ingestion: { queued: 0, processing: 0, succeeded: 0, failed: 0 },
      rate_limit_hits: { count: 0, last_at: null },
    });
    expect((await summary('?window_days=1')).requests.total).toBe(5);
  });

  it('leaves out what was refused before its handler', async () => {
    expect(await tenant.editor.post('/v1/corpora', { name: 7 })).toMatchObject({ status: 422 });
    expect(await tenant.reader.post('/v1/corpora', { id: 'c1', name: 'n' })).toMatchObject({ status: 403 });
    expect((await summary()).requests).toMatchObject({ total: 1, by_route_class: { read: 1, mutation: 0 } });
  });

  it('counts runs with their tokens, documents and the bytes that they take, and what is deleted no longer', async () => {
    await aCorpus(tenant);
    const documentId = await aDocument(tenant, 'Rainbow trout live in cold rivers.');
    const asked = await tenant.reader.ask({
      session_id: 's1',
      corpus_id: 'c1',
      message: 'Where do trout live?',
      top_k: 3,
    });
    expect(asked.status).toBe(200);
    const used = await summary();
    expect(used.runs).toEqual({ started: 1, succeeded: 1 });
    expect(used.tokens.input).toBeGreaterThanOrEqual(Math.floor('Where do trout live?'.length / 4));
    expect(used.tokens.output).toBeGreaterThanOrEqual(1);
    expect(used.tokens.estimated).toBe(used.tokens.input + used.tokens.output);
    expect(used.storage_bytes).toBeGreaterThan(0);
    expect(used.requests.by_route_class['run']).toBe(1);
    expect(await points('metric=runs&days=1')).toEqual([{ ts: today(), value: 1 }]);
    expect(await points('metric=documents&days=1')).toEqual([{ ts: today(), value: 1 }]);
    expect(await points('metric=tokens&days=1')).toEqual([{ ts: today(), value: used.tokens.estimated }]);
    expect(await points('metric=storage&days=2')).toEqual([
      { ts: expect.any(String), value: 0 },
      { ts: today(), value: used.storage_bytes },
    ]);
    expect((await tenant.editor.delete(`/v1/documents/${documentId}`)).status).toBeLessThan(300);
    expect((await summary()).storage_bytes).toBe(0);
  });

  it.each([1, 30, 90])(
    'is a series of exactly %i days, the last of them today, zero where nothing was used',
    async (days) => {
      await tenant.reader.get('/v1/corpora');
      const series = await points(`metric=requests&granularity=day&days=${days}`);
      expect(series).toHaveLength(days);
      expect(series.at(-1)).toEqual({ ts: today(), value: 2 });
      expect(series.slice(0, -1).every(({ value }) => value === 0)).toBe(true);
      expect(series.map(({ ts }) => ts)).toEqual([...series.map(({ ts }) => ts)].sort());
    },
  );

  it('is a series of minutes up to now', async () => {
    await tenant.reader.get('/v1/corpora');
    const series = await points('granularity=minute&days=1');
    expect(series[0]?.ts).toBe(`${today()}T00:00:00.000Z`);
    expect(series.reduce((sum, { value }) => sum + value, 0)).toBe(2);
    for (const query of ['granularity=minute&days=8', 'granularity=minute&days=1&metric=storage'])
      expect(await tenant.admin.get(`/v1/self-serve/usage/timeseries?${query}`)).toMatchObject({ status: 422 });
  });

  it('is told by period to its admin: quota units and tokens of a day or of a month', async () => {
    await tenant.reader.get('/v1/corpora');
    const path = `/v1/admin/usage/${tenant.tenantId}`;
    expect(await tenant.admin.get(`${path}?start=${today()}`)).toMatchObject({
      status: 200,
      data: { tenant_id: tenant.tenantId, period_type: 'day', period_start: today(), requests_count: 1 },
    });
    expect(await tenant.admin.get(`${path}?period=month&start=${today()}`)).toMatchObject({
      data: { period_start: `${today().slice(0, 7)}-01`, requests_count: 1, estimated_tokens_count: 0 },
    });
    expect(await tenant.admin.get(`${path}?start=2000-01-01`)).toMatchObject({ data: { requests_count: 0 } });
    for (const query of [
      '',
      '?start=2026-02-30',
      '?start=garbage',
      '?start=0000-01-01',
      `?start=${today()}&period=year`,
    ])
      expect(await tenant.admin.get(`${path}${query}`)).toMatchObject({ status: 422 });
  });

  it('is told by endpoint and resource, in sum and minute by minute, page by page', async () => {
    for (let at = 0; at < 3; at += 1) await tenant.reader.get('/v1/corpora');
    await aCorpus(tenant);
    const { data } = await tenant.admin.get('/v1/usage/summary?period=month');
    expect(data).toMatchObject({
      tenant_id: tenant.tenantId,
      start: `${today().slice(0, 7)}-01`,
      api_calls: { requests: 5, units: 5, by_route_class: { read: 4, mutation: 1 } },
      runs: { started: 0 },
    });
    const { by_endpoint: first } = (data as { api_calls: { by_endpoint: object[] } }).api_calls;
    expect(first[0]).toEqual({ endpoint: 'GET /v1/corpora', requests: 3, units: 3 });

    const seen: { quantity: number }[] = [];
    let next: string | undefined = '/v1/usage/details?resource=api_calls&limit=1';
    const listed = await tenant.admin.get('/v1/usage/details?resource=api_calls');
    while (next !== undefined) {
      const page = await tenant.admin.get(next);
      seen.push(...(page.data as { quantity: number }[]));
      next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
    }
    expect((listed.data as { quantity: number }[]).reduce((sum, { quantity }) => sum + quantity, 0)).toBe(6);
    expect(seen.reduce((sum, { quantity }) => sum + quantity, 0)).toBeGreaterThanOrEqual(7);
    const storage = await tenant.admin.get('/v1/usage/details?resource=storage');
    expect(storage.data).toEqual([{ start: `${today()}T00:00:00.000Z`, resource: 'storage', quantity: 0, parts: {} }]);
    for (const query of [
      '',
      'resource=x',
      'resource=runs&from=yesterday',
      'resource=storage&from=1999-01-01T00:00:00.000Z',
    ])
      expect(await tenant.admin.get(`/v1/usage/details?${query}`)).toMatchObject({ status: 422 });
  });

  it('is exported for billing as bytes that anybody can make again from the log, by the positions that it names', async () => {
    await aCorpus(tenant);
    await aDocument(tenant, 'A document of some size.');
    for (const format of ['csv', 'jsonl'] as const) {
      const file = await tenant.admin.get(`/v1/usage/export?format=${format}`);
      expect(file.status).toBe(200);
      expect(file.headers.get('content-disposition')).toContain(
        `usage-${tenant.tenantId}-${today().slice(0, 7)}.${format}`,
      );
      const digest = `sha-256=:${createHash('sha256').update(file.text).digest('base64')}:`;
      expect(file.headers.get('repr-digest')).toBe(digest);
      expect(file.text).toContain('POST /v1/corpora');
      expect(await replayed(file.headers.get('x-usage-positions') ?? '', format)).toBe(file.text);
    }
    expect(await tenant.admin.get('/v1/usage/export?month=2026-13')).toMatchObject({ status: 422 });
    expect((await tenant.admin.get('/v1/usage/export?month=2020-02')).text).toContain('2020-02-29,storage');
  });

  async function replayed(positions: string, format: 'csv' | 'jsonl'): Promise<string> {
    const { log, registry } = server.platform;
    const travel = new TimeTravel({ log, registry });
    const at = new Map(
      [...positions.matchAll(/(\w+)="([^"]+)"/g)].map(([, table = '', position = '']) => [table, position]),
    );
    const { tenantId } = tenant;
    const past = async (projection: typeof usageDays | typeof usageStorage) =>
      (await travel.asOf(projection as never, { position: at.get(projection.table) ?? '' }, { tenantId })).rows;
    const days = (await past(usageDays)) as unknown as readonly UsageRow[];
    const changed = new Map<string, number>();
    for (const row of await past(usageStorage))
      for (const [day, bytes] of row['changes'] as unknown as [string, number][])
        changed.set(day, (changed.get(day) ?? 0) + bytes);
    const changes = [...changed].sort();
    return [...exportText({ tenantId, first: `${today().slice(0, 7)}-01`, last: today(), days, changes }, format)].join(
      '',
    );
  }

  it('is forgotten by minute when its time is over, and kept by day, and a replay of the log agrees', async () => {
    await tenant.reader.get('/v1/corpora');
    await summary();
    const { readModels: models, path, database, log, registry } = server.platform;
    const minutes = (): Promise<number> => models.for(usageMinutes).count(tenant.tenantId);
    const before = new Date(Date.now() + 60_000).toISOString();
    const kept = await minutes();
    expect(kept).toBeGreaterThan(0);
    const all = { models, path, before, tenantId: tenant.tenantId };
    expect(await forgetMinutes({ ...all, dryRun: true })).toBe(kept);
    expect(await forgetMinutes(all)).toBe(kept);
    await until('the minutes are gone', async () => (await minutes()) === 0);
    expect(await points('days=1')).toEqual([{ ts: today(), value: 3 }]);
    const admin = new ProjectionAdmin({ database, log, registry });
    for (const projection of [usageMinutes, usageDays, usageStorage, usageCounters])
      expect(await admin.verify(projection.table)).toMatchObject({ clean: true });
  });

  it('is on record when somebody looks at it', async () => {
    await summary();
    await until('the look is in the access log', async () => {
      const rows = await server.platform.database.query<{ n: number }>(
        `select count(*)::int as n from read.access_events_v1 where tenant_id = $1 and event_type = 'selfserve.usage.viewed'`,
        [tenant.tenantId],
      );
      return rows[0]?.n === 1;
    });
  });

  const paths = (tenantId: string): readonly string[] => [
    `/v1/admin/usage/${tenantId}?start=${today()}`,
    '/v1/self-serve/usage/summary',
    '/v1/self-serve/usage/timeseries',
    `/v1/usage/summary?tenant_id=${tenantId}`,
    `/v1/usage/details?resource=runs&tenant_id=${tenantId}`,
    `/v1/usage/export?tenant_id=${tenantId}`,
  ];

  it('answers 401 without a key, 403 below admin and for another tenant, and 404 to an operator for no tenant', async () => {
    const other = await server.tenant();
    await other.reader.get('/v1/corpora');
    for (const path of paths(tenant.tenantId)) {
      expect(await server.anonymous.get(path)).toMatchObject({ status: 401 });
      for (const caller of [tenant.reader, tenant.editor])
        expect(await caller.get(path)).toMatchObject({ status: 403 });
    }
    for (const path of paths(other.tenantId).filter((named) => named.includes(other.tenantId))) {
      expect(await tenant.admin.get(path)).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
      expect(await server.operator('t1').get(path)).toMatchObject({ status: 200 });
      const nobody = path.replace(other.tenantId, 'nobody');
      expect(await server.operator('t1').get(nobody)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    }
  });
});

describe('the usage of a tenant that asks too often', () => {
  it('tells how often it was slowed down, and when last', async () => {
    const server = await openTestServer({
      RATE_LIMIT_ENABLED: 'true',
      RL_KEY_READ_RPS: '0',
      RL_KEY_READ_BURST: '3',
    });
    try {
      const { reader, admin } = await server.tenant();
      const answers = await Promise.all(Array.from({ length: 8 }, () => reader.get('/v1/corpora')));
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(5);
      await until('the refusals are on record', async () => {
        const rows = await server.platform.database.query<{ n: number }>(
          `select count(*)::int as n from read.access_events_v1 where event_type = 'security.rate_limited'`,
        );
        return (rows[0]?.n ?? 0) > 0;
      });
      const { data } = await admin.get('/v1/self-serve/usage/summary');
      const { rate_limit_hits: hits } = data as { rate_limit_hits: { count: number; last_at: string | null } };
      expect(hits.count).toBeGreaterThanOrEqual(1);
      expect(hits.last_at).toMatch(/^\d{4}-.*Z$/);
    } finally {
      await server.stop();
    }
  });
});
