import { WRITE_FREEZE_STREAM } from '#domain/capabilities/write-freeze/write-freeze.decider.js';
import { until } from '#test/support/until.js';
import { aCorpus, eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import type { Answer, TestClient } from '#test/support/client.js';

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  tenant = await server.tenant();
  await aCorpus(tenant);
});

/** What an admin needs to get a tenant going again. */
const recoveries = (id: string): readonly (readonly [method: string, path: string, body?: object])[] => [
  ['GET', '/v1/admin/plans'],
  ['GET', `/v1/admin/plans/${id}`],
  ['PATCH', `/v1/admin/plans/${id}`, { plan_id: 'enterprise' }],
  ['PATCH', `/v1/admin/plans/${id}/overrides`, { feature_key: 'feature.tts', enabled: true }],
  ['DELETE', `/v1/admin/plans/${id}/overrides/feature.tts`],
  ['GET', '/v1/admin/rollouts/killswitches'],
  ['PATCH', '/v1/admin/rollouts/killswitches', { kill_switches: { 'kill.run': false } }],
  ['GET', '/v1/admin/rollouts/canary'],
  ['PATCH', '/v1/admin/rollouts/canary', { canary_percentages: { 'rollout.tts': 100 } }],
  ['POST', '/v1/admin/maintenance/run?task=prune_idempotency'],
  ['GET', '/v1/admin/retention/status'],
  ['GET', '/v1/self-serve/plan'],
  ['GET', `/v1/admin/quotas/${id}`],
  ['GET', '/v1/admin/api-keys'],
  ['PATCH', `/v1/admin/quotas/${id}`, { daily_requests_limit: null }],
];

const quota = (by: TestClient, daily_requests_limit: number): Promise<Answer> =>
  by.patch(`/v1/admin/quotas/${tenant.tenantId}`, { daily_requests_limit });

describe('W8 and W35: a tenant over its quota', () => {
  it('is refused what counts, and can do all that gets it going again', async () => {
    expect((await quota(tenant.admin, 0)).status).toBe(200);
    expect(await tenant.reader.get('/v1/corpora')).toMatchObject({ status: 402, code: 'QUOTA_EXCEEDED' });
    for (const [method, path, body] of recoveries(tenant.tenantId)) {
      const { status } = await tenant.admin.call(method, path, body);
      expect(`${method} ${path} ${status}`).toBe(`${method} ${path} 200`);
    }
    expect((await tenant.reader.get('/v1/corpora')).status).toBe(200);
  });
});

describe('W35: frozen writes', () => {
  const path = '/v1/admin/maintenance/write-freeze';
  const freeze = async (frozen: boolean): Promise<Answer> =>
    server.operator(tenant.tenantId).post(path, { frozen, reason: 'a test' });
  const changes = (): readonly (readonly [by: TestClient, path: string, body: object])[] => [
    [tenant.editor, '/v1/corpora', { id: 'c2', name: 'Two' }],
    [tenant.editor, '/v1/documents/text', { corpus_id: 'c1', text: 'A text.' }],
    [tenant.reader, '/v1/run', { session_id: 's1', corpus_id: 'c1', message: 'Why?' }],
  ];
  async function expectRefused(): Promise<void> {
    for (const [by, to, body] of changes()) {
      const refused = await by.post(to, body);
      expect(refused).toMatchObject({ status: 503, code: 'WRITE_FROZEN' });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  }
  async function expectRecoverable(): Promise<void> {
    for (const [method, to, body] of recoveries(tenant.tenantId)) {
      const { status } = await tenant.admin.call(method, to, body);
      expect(`${method} ${to} ${status}`).toBe(`${method} ${to} 200`);
    }
    const made = await tenant.admin.post('/v1/self-serve/api-keys', { name: 'under-freeze', role: 'reader' });
    expect(made.status).toBe(200);
    const { key_id } = made.data as { key_id: string };
    expect((await tenant.admin.post(`/v1/self-serve/api-keys/${key_id}/revoke`)).status).toBe(200);
  }
  afterEach(() => freeze(false));

  it('refuse every change with a time to wait, show all there is, let a tenant recover, and take changes again', async () => {
    expect((await freeze(true)).data).toMatchObject({ frozen: true, reason: 'a test' });
    await expectRefused();
    expect((await tenant.reader.get('/v1/corpora/c1')).status).toBe(200);
    await expectRecoverable();
    expect((await tenant.admin.get(path)).data).toMatchObject({ frozen: true });
    expect((await freeze(false)).data).toMatchObject({ frozen: false });
    expect((await tenant.editor.post('/v1/corpora', { id: 'c2', name: 'Two' })).status).toBe(201);
  });

  it('are refused before anything is looked at, and cost no quota', async () => {
    await freeze(true);
    expect(await tenant.editor.post('/v1/corpora', 'no json at all')).toMatchObject({ code: 'WRITE_FROZEN' });
    expect(await tenant.reader.post('/v1/corpora', {})).toMatchObject({ status: 403 });
    await tenant.admin.patch(`/v1/admin/quotas/${tenant.tenantId}`, { daily_requests_limit: 0 });
    expect(await tenant.editor.post('/v1/corpora', {})).toMatchObject({ status: 503, code: 'WRITE_FROZEN' });
  });

  it("are the log's own too, for whoever comes past the edge, but for what recovers", async () => {
    const { log } = server.platform;
    const { epoch } = await log.writerControl();
    await log.setWriterControl({ epoch, frozen: true });
    await expectRefused();
    await expectRecoverable();
    // Decided as it stands: nothing is told, and the gate is opened all the same.
    expect((await freeze(false)).data).toMatchObject({ frozen: false });
    expect(await log.writerControl()).toEqual({ epoch, frozen: false });
  });

  it('are for platform operators to set, and on record with what they refused', async () => {
    expect(await tenant.admin.post(path, { frozen: true })).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
    expect(await tenant.editor.get(path)).toMatchObject({ status: 403 });
    expect(await server.anonymous.get(path)).toMatchObject({ status: 401 });
    await freeze(true);
    await tenant.editor.post('/v1/corpora', { id: 'c2', name: 'Two' });
    await freeze(false);
    await until('the refusal is in the audit log', async () => {
      const query = 'event_type=failover.write_freeze.toggled&outcome=failure';
      const { data } = await tenant.admin.get(`/v1/audit/events?${query}`);
      return (data as { items: unknown[] }).items.length > 0;
    });
    const events = await eventsOf(server.platform, `writeFreeze-_system.${WRITE_FREEZE_STREAM}`);
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['WritesFrozen', 'WritesThawed']);
  });
});
