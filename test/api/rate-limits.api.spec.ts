import { openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await openTestServer({
    RATE_LIMIT_ENABLED: 'true',
    // The limits of the specification, but for refills: no test may depend on how long it takes.
    RL_KEY_READ_RPS: '0.001',
    RL_KEY_MUTATION_RPS: '0.001',
  });
});
afterAll(() => server.stop());
beforeEach(async () => {
  tenant = await server.tenant();
});

interface Limit {
  readonly scope: string;
  readonly route_class: string;
  readonly rps: number;
  readonly burst: number;
  readonly remaining: number;
}

const pathOf = ({ tenantId }: TestTenant): string => `/v1/admin/rate-limits/${tenantId}`;
const limit = (more: Partial<Limit> = {}) => ({
  scope: 'api_key',
  route_class: 'read',
  rps: 0.001,
  burst: 10,
  ...more,
});
const put = (of: TestTenant, ...limits: object[]) => of.admin.call('PUT', pathOf(of), { limits });
const operatorPuts = (of: TestTenant, ...limits: object[]) => server.operator('t1').call('PUT', pathOf(of), { limits });
const find = (data: unknown, scope = 'api_key', routeClass = 'read'): Limit | undefined =>
  (data as { limits: Limit[] }).limits.find((each) => each.scope === scope && each.route_class === routeClass);

describe('the rate limits of a tenant', () => {
  it('are the configured ones until somebody sets others', async () => {
    const { status, data } = await tenant.admin.get(pathOf(tenant));
    expect(status).toBe(200);
    expect(data).toMatchObject({ tenant_id: tenant.tenantId });
    expect((data as { limits: Limit[] }).limits).toHaveLength(8);
    expect(find(data, 'tenant', 'run')).toMatchObject({ rps: 3, burst: 15, ceiling_burst: 15, set_by: null });
  });

  it('are lowered by its admin, in force with the next request, and audited', async () => {
    const { status, data } = await put(tenant, limit({ burst: 2 }));
    expect(status).toBe(200);
    expect(find(data)).toMatchObject({ burst: 2, ceiling_burst: 20, set_by: 'tenant' });
    expect((await tenant.reader.get('/v1/corpora')).headers.get('x-ratelimit-remaining')).toBe('1');
    await tenant.reader.get('/v1/corpora');
    const refused = await tenant.reader.get('/v1/corpora');
    expect([refused.status, refused.code]).toEqual([429, 'RATE_LIMITED']);
    const operator = server.operator(tenant.tenantId);
    await until('the change and the refusal are audited', async () => {
      const { text } = await operator.get('/v1/audit/events?limit=50');
      return text.includes('rate_limits.changed') && text.includes('security.rate_limited');
    });
  });

  it('are not raised by its admin, only by a platform operator', async () => {
    const refused = await put(tenant, limit({ burst: 21 }));
    expect([refused.status, refused.code]).toEqual([403, 'RATE_LIMIT_ABOVE_CEILING']);
    const raised = await operatorPuts(tenant, limit({ burst: 500 }));
    expect(find(raised.data)).toMatchObject({
      burst: 500,
      ceiling_burst: 500,
      configured_burst: 20,
      set_by: 'operator',
    });
    expect((await tenant.reader.get('/v1/corpora')).headers.get('ratelimit')).toMatch(/^"key";r=499;/);
    expect((await put(tenant, limit({ burst: 400 }))).status).toBe(200);
  });

  it('follow the configuration again when nothing is set', async () => {
    await put(tenant, limit({ burst: 1 }));
    expect(find((await put(tenant)).data)).toMatchObject({ burst: 20, set_by: null });
  });

  it.each([
    ['twice', [limit(), limit()], 422, 'RATE_LIMIT_TWICE'],
    ['for an unknown class', [limit({ route_class: 'all' })], 422, 'REQUEST_VALIDATION_ERROR'],
    ['below nothing', [limit({ rps: -1 })], 422, 'REQUEST_VALIDATION_ERROR'],
    ['so that they lock the tenant out', [limit({ route_class: 'mutation', burst: 0 })], 422, 'RATE_LIMIT_LOCKOUT'],
  ])('are not set %s', async (_what, limits, status, code) => {
    const refused = await put(tenant, ...limits);
    expect([refused.status, refused.code]).toEqual([status, code]);
  });

  it('are refused with 401 without a key and with 403 to a role that may not', async () => {
    expect((await server.anonymous.get(pathOf(tenant))).status).toBe(401);
    expect((await server.anonymous.get('/v1/usage/rate-limits')).status).toBe(401);
    const refused = await tenant.editor.call('PUT', pathOf(tenant), { limits: [] });
    expect([refused.status, refused.code]).toEqual([403, 'AUTH_FORBIDDEN']);
  });

  it('are out of reach for another tenant, and 404 to an operator who names none', async () => {
    const other = await server.tenant();
    expect((await other.admin.get(pathOf(tenant))).status).toBe(403);
    expect((await other.admin.call('PUT', pathOf(tenant), { limits: [] })).status).toBe(403);
    expect((await server.operator('t1').get('/v1/admin/rate-limits/nobody')).status).toBe(404);
  });

  it('answer the same again under a repeated Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'once' };
    const first = await tenant.admin.call('PUT', pathOf(tenant), { limits: [limit()] }, key);
    const again = await tenant.admin.call('PUT', pathOf(tenant), { limits: [limit()] }, key);
    expect(again.text).toBe(first.text);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });
});

describe('what is left of the rate limits', () => {
  it('is shown without taking anything but the request itself', async () => {
    await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'c1' });
    const { data } = await tenant.editor.get('/v1/usage/rate-limits');
    expect(data).toMatchObject({ tenant_id: tenant.tenantId, enabled: true, degraded: false });
    expect(find(data)).toMatchObject({ rps: 0.001, burst: 20, remaining: 19 });
    expect(find(data, 'api_key', 'mutation')).toMatchObject({ burst: 10, remaining: 9 });
    expect(find(data, 'api_key', 'run')).toMatchObject({ burst: 5, remaining: 5, full_in_ms: 0 });
  });

  it('is not shared between the tenants and the keys', async () => {
    for (let call = 0; call < 20; call += 1) await tenant.reader.get('/v1/corpora');
    expect((await tenant.reader.get('/v1/corpora')).status).toBe(429);
    expect((await tenant.editor.get('/v1/corpora')).status).toBe(200);
  });

  it('does not limit the operator of the machine', async () => {
    const operator = server.operator(tenant.tenantId);
    for (let call = 0; call < 25; call += 1) expect((await operator.get('/v1/corpora')).status).toBe(200);
  });
});

describe('a replay', () => {
  it('carries the quota headers of the first answer, and gives its own units back', async () => {
    const key = { 'idempotency-key': 'k1' };
    const first = await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'c1' }, key);
    const again = await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'c1' }, key);
    const used = 'x-quota-day-used';
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect([first.headers.get(used), again.headers.get(used)]).toEqual(['1', '1']);
    expect((await tenant.editor.get('/v1/corpora')).headers.get(used)).toBe('2');
  });

  it('of a run uses no quota either', async () => {
    await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'c1' });
    const question = { session_id: 's1', corpus_id: 'c1', message: 'why?', top_k: 5, audio: false };
    const key = { 'idempotency-key': 'run1' };
    const first = await tenant.reader.ask(question, key);
    expect([first.status, first.headers.get('x-quota-day-used')]).toEqual([200, '4']);
    const [admin] = [await tenant.admin.ask(question, key)];
    expect(admin.headers.get('x-quota-day-used')).toBe('7');
    await operatorPuts(tenant, limit({ route_class: 'run', rps: 100, burst: 100 }));
    const again = await tenant.reader.ask(question, key);
    expect(again.text).toBe(first.text);
    expect((await tenant.reader.get('/v1/corpora')).headers.get('x-quota-day-used')).toBe('8');
  });
});
