import { randomUUID } from 'node:crypto';
import { cutAccessLogBefore } from '#domain/capabilities/access-retention/access-retention.handler.js';
import { jobPorts } from '#infra/platform/job-ports.js';
import { newEvent } from '#test/replay/support.js';
import { openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

describe('the access log of a server after its retention', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
    tenant = await server.tenant();
  });
  afterAll(() => server.stop());

  const views = Array.from({ length: 600 }, (_, at) => newEvent('PlanViewed', { path: `/${at}`, method: 'GET' }));
  const cut = (): Promise<number> => {
    const run = { commandId: randomUUID(), signal: new AbortController().signal };
    return cutAccessLogBefore(new Date(Date.now() + 60_000).toISOString(), run, jobPorts(server.platform));
  };
  const operation = (name: string, args: object) =>
    server.operator(tenant.tenantId).post(`/v1/operator/${name}`, { args });

  it('lacks its old events, tells of the cut, and is verified and true to its read model as before', async () => {
    await server.platform.accessLog.append(`access-${tenant.tenantId}.2020-01-01`, views, { expected: 'any' });
    let removed = 0;
    await until('the beginning is sealed, folded and cut', async () => (removed += await cut()) >= 512);
    expect(removed % 256).toBe(0);
    const [first] = (await server.platform.accessLog.readAll({ after: null, limit: 1 })).events;
    expect(first?.position).toBe(String(removed + 1).padStart(20, '0'));
    const query = '/v1/audit/events?tenant_id=_system&event_type=audit.access_log.cut';
    await until('the cut is shown', async () => {
      const { data } = await server.operator(tenant.tenantId).get(query);
      const [event] = (data as { items: readonly { metadata_json: { leaves: number } }[] }).items;
      return event?.metadata_json.leaves === removed;
    });
    expect((await operation('ledger.verify', { log: 'access' })).text).toContain('"ok":true');
    expect((await operation('ledger.verify', {})).text).toContain('"ok":true');
    expect((await operation('projections.verify', { table: 'access_events' })).text).toContain('"clean":true');
  });

  it('has no log of another name to verify', async () => {
    expect((await operation('ledger.verify', { log: 'other' })).text).toContain('there is no log other');
  });
});
