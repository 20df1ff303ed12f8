import { aCorpus, eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const unlimited = {
  daily_requests_limit: null,
  monthly_requests_limit: null,
  daily_tokens_limit: null,
  monthly_tokens_limit: null,
  soft_cap_ratio: 0.8,
  hard_cap_enabled: true,
};

describe('the quota of a tenant', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let path: string;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    path = `/v1/admin/quotas/${tenant.tenantId}`;
  });

  const typesOf = async (): Promise<readonly string[]> =>
    (await eventsOf(server.platform, `quotas-${tenant.tenantId}.quota`)).map(({ type }) => type);

  it('is unlimited until it is changed, and keeps what a change does not name', async () => {
    expect(await tenant.admin.get(path)).toMatchObject({
      status: 200,
      data: { tenant_id: tenant.tenantId, ...unlimited },
    });
    const changed = { daily_requests_limit: 50, monthly_tokens_limit: 2_147_483_647, soft_cap_ratio: 0.5 };
    expect(await tenant.admin.patch(path, changed)).toMatchObject({ status: 200, data: { ...unlimited, ...changed } });
    expect(await tenant.admin.patch(path, { hard_cap_enabled: false })).toMatchObject({
      data: { ...unlimited, ...changed, hard_cap_enabled: false },
    });
    expect(await tenant.admin.patch(path, {})).toMatchObject({ status: 200 });
    expect(await typesOf()).toEqual(['QuotaChanged', 'QuotaChanged']);
  });

  it('is unlimited again by an explicit null', async () => {
    await tenant.admin.patch(path, { daily_requests_limit: 50, daily_tokens_limit: 1 });
    expect(await tenant.admin.patch(path, { daily_requests_limit: null })).toMatchObject({
      status: 200,
      data: { daily_requests_limit: null, daily_tokens_limit: 1 },
    });
    const answer = await tenant.reader.get('/v1/corpora');
    expect(answer.headers.get('x-quota-day-limit')).toBe('unlimited');
  });

  it.each([
    ['a limit above 2147483647', { daily_requests_limit: 2_147_483_648 }],
    ['a limit below 0', { monthly_requests_limit: -1 }],
    ['half a request', { daily_requests_limit: 1.5 }],
    ['a text', { daily_tokens_limit: '5' }],
    ['a ratio above 1', { soft_cap_ratio: 1.01 }],
    ['a ratio of null', { soft_cap_ratio: null }],
    ['a mode of null', { hard_cap_enabled: null }],
    ['an unknown field', { daily_request_limit: 5 }],
  ])('refuses %s with 422', async (_, body) => {
    expect(await tenant.admin.patch(path, body)).toMatchObject({ status: 422, code: 'REQUEST_VALIDATION_ERROR' });
    expect(await typesOf()).toEqual([]);
  });

  it('is in force with the answer that tells of it, and refuses with 402 what does not fit', async () => {
    await tenant.admin.patch(path, { daily_requests_limit: 2 });
    expect(await tenant.reader.get('/v1/corpora')).toMatchObject({ status: 200 });
    const last = await tenant.reader.get('/v1/corpora');
    expect(last.headers.get('x-quota-day-remaining')).toBe('0');
    const refused = await tenant.reader.get('/v1/corpora');
    expect(refused).toMatchObject({ status: 402, code: 'QUOTA_EXCEEDED' });
    expect(refused.body).toMatchObject({ error: { details: { period: 'day', limit: 2, used: 2, remaining: 0 } } });
  });

  it.each([0, 1])('of %i does not lock its admin out: it can be read and changed when it is used up', async (limit) => {
    await tenant.admin.patch(path, { daily_requests_limit: limit, monthly_requests_limit: limit });
    for (let at = 0; at < limit; at += 1) await tenant.reader.get('/v1/corpora');
    expect(await tenant.reader.get('/v1/corpora')).toMatchObject({ status: 402 });
    expect(await tenant.admin.get(path)).toMatchObject({ status: 200, data: { daily_requests_limit: limit } });
    const raised = { daily_requests_limit: null, monthly_requests_limit: null };
    expect(await tenant.admin.patch(path, raised)).toMatchObject({ status: 200, data: raised });
    expect(await tenant.reader.get('/v1/corpora')).toMatchObject({ status: 200 });
  });

  it('tells once that a cap was reached, however many requests meet it', async () => {
    await tenant.admin.patch(path, { daily_requests_limit: 4, soft_cap_ratio: 0.5 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => tenant.reader.get('/v1/corpora')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(4);
    await until('both caps are events', async () => (await typesOf()).length === 3);
    expect((await typesOf()).toSorted()).toEqual(['QuotaChanged', 'QuotaHardCapReached', 'QuotaSoftCapReached']);
    expect(await tenant.reader.get('/v1/corpora')).toMatchObject({ status: 402 });
    expect((await eventsOf(server.platform, `quotas-${tenant.tenantId}.quota`)).at(-1)?.data).toMatchObject({
      tenantId: tenant.tenantId,
      metric: 'requests',
      limit: 4,
    });
  });

  it('of tokens lets no further run in once they are used up, and tells of both caps', async () => {
    await aCorpus(tenant);
    await tenant.admin.patch(path, { daily_tokens_limit: 1 });
    const question = { session_id: 's1', corpus_id: 'c1', message: 'Where do trout live?', top_k: 3 };
    expect((await tenant.reader.ask(question)).status).toBe(200);
    await until('the tokens are counted', async () => (await typesOf()).includes('QuotaSoftCapReached'));
    const refused = await tenant.reader.post('/v1/run', question);
    expect(refused).toMatchObject({ status: 402, code: 'QUOTA_EXCEEDED' });
    expect(refused.body).toMatchObject({ error: { details: { period: 'day', metric: 'tokens', limit: 1, used: 1 } } });
    expect(await tenant.reader.get('/v1/corpora')).toMatchObject({ status: 200 });
    await until('the hard cap is an event', async () => (await typesOf()).includes('QuotaHardCapReached'));
  });

  it('lets requests over a limit pass where it only observes', async () => {
    await tenant.admin.patch(path, { daily_requests_limit: 1, hard_cap_enabled: false });
    for (let at = 0; at < 3; at += 1) {
      const answer = await tenant.reader.get('/v1/corpora');
      expect(answer.status).toBe(200);
      expect(answer.headers.get('x-quota-hardcap-mode')).toBe('observe');
    }
  });

  it('is changed once under one Idempotency-Key, and each change is on the audit log', async () => {
    const key = { 'idempotency-key': 'q1' };
    const first = await tenant.admin.patch(path, { daily_requests_limit: 500 }, key);
    const again = await tenant.admin.patch(path, { daily_requests_limit: 500 }, key);
    expect(again.text).toBe(first.text);
    expect(await typesOf()).toEqual(['QuotaChanged']);
    await until('the change is on the audit log', async () => {
      const { data } = await tenant.admin.get('/v1/audit/events?event_type=quota.updated');
      return (data as { items: unknown[] }).items.length === 1;
    });
  });

  it('answers 401 without a key, and 403 to a reader, to an editor and to the admin of another tenant', async () => {
    const other = await server.tenant();
    expect(await server.anonymous.get(path)).toMatchObject({ status: 401 });
    for (const caller of [tenant.reader, tenant.editor, other.admin]) {
      expect(await caller.get(path)).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
      expect(await caller.patch(path, { daily_requests_limit: 1 })).toMatchObject({
        status: 403,
        code: 'AUTH_FORBIDDEN',
      });
    }
    expect(await typesOf()).toEqual([]);
  });

  it('is changed by the operator for any tenant that there is, and 404 for one that there is not', async () => {
    const operator = server.operator('t1');
    expect(await operator.patch(path, { monthly_requests_limit: 9 })).toMatchObject({ status: 200 });
    expect(await tenant.admin.get(path)).toMatchObject({ data: { monthly_requests_limit: 9 } });
    for (const nobody of ['nobody', 'NOT%20A%20TENANT', 'x'.repeat(65)])
      expect(await operator.get(`/v1/admin/quotas/${nobody}`)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });
});
