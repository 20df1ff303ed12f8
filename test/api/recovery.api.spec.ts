import { aCorpus, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
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

describe('W35: a frozen log', () => {
  const freeze = async (frozen: boolean): Promise<void> => {
    const { epoch } = await server.platform.log.writerControl();
    await server.platform.log.setWriterControl({ epoch, frozen });
  };
  afterEach(() => freeze(false));

  it('refuses every change with WRITE_FROZEN and a time to wait, shows all there is, and takes changes again', async () => {
    await freeze(true);
    for (const refused of [
      await tenant.editor.post('/v1/corpora', { id: 'c2', name: 'Two' }),
      await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text: 'A text.' }),
      await tenant.reader.post('/v1/run', { session_id: 's1', corpus_id: 'c1', message: 'Why?' }),
    ]) {
      expect(refused).toMatchObject({ status: 503, code: 'WRITE_FROZEN' });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await tenant.reader.get('/v1/corpora/c1')).status).toBe(200);
    for (const [method, path] of recoveries(tenant.tenantId))
      if (method === 'GET') expect([path, (await tenant.admin.get(path)).status]).toEqual([path, 200]);
    await freeze(false);
    expect((await tenant.editor.post('/v1/corpora', { id: 'c2', name: 'Two' })).status).toBe(201);
  });
});
