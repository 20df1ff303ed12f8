import { TestClient } from '#test/support/client.js';
import { openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

const TOKEN = 'the token of whoever watches'.replaceAll(' ', '-');

describe('the ADMIN_TOKEN', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let watcher: TestClient;
  beforeAll(async () => {
    server = await openTestServer({ ADMIN_TOKEN: TOKEN });
    tenant = await server.tenant();
    watcher = new TestClient(server.url, TOKEN);
  });
  afterAll(() => server.stop());

  it('opens the health of the system', async () => {
    expect((await watcher.get('/v1/admin/system/health.json')).status).toBe(200);
    expect((await watcher.get('/v1/admin/system/health')).status).toBe(200);
  });

  it('opens the stream of events', async () => {
    const controller = new AbortController();
    const response = await fetch(`${server.url}/v1/admin/events/stream`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: controller.signal,
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    controller.abort();
  });

  it('opens nothing else: 401, also with a tenant’s name', async () => {
    const headers = { 'x-tenant-id': tenant.tenantId };
    for (const path of ['/v1/corpora', '/v1/admin/keyring', '/v1/audit/events', `/v1/admin/quotas/${tenant.tenantId}`])
      expect([path, (await watcher.get(path, headers)).status]).toEqual([path, 401]);
    expect((await watcher.post('/v1/admin/keyring/rotate?purpose=signing', undefined, headers)).status).toBe(401);
    expect((await watcher.post('/v1/operator/keys.create', { args: {} }, headers)).status).toBe(401);
  });

  it('is in no log line', () => {
    expect(server.lines.length).toBeGreaterThan(0);
    expect(server.lines.filter((line) => line.includes(TOKEN))).toEqual([]);
  });
});
