import { openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';
import { WebhookReceiver } from '#test/support/webhook-receiver.js';

const TRACE = 'a'.repeat(32);
const traceparent = `00-${TRACE}-${'b'.repeat(16)}-01`;

describe('the trace of a request', () => {
  let server: TestServer;
  let receiver: WebhookReceiver;
  let tenant: TestTenant;
  beforeAll(async () => {
    receiver = await WebhookReceiver.open();
    server = await openTestServer({
      BILLING_WEBHOOK_ENABLED: 'true',
      BILLING_WEBHOOK_URL: receiver.url,
      BILLING_WEBHOOK_SECRET: 'the-secret-of-the-billing-system',
    });
    tenant = await server.tenant();
  });
  afterAll(async () => {
    await server.stop();
    await receiver.close();
  });

  const traceOf = (event: string): unknown =>
    receiver.of('tenant_id', tenant.tenantId).find(({ json }) => json['event_type'] === event)?.headers['traceparent'];

  it('goes on in a call to another service that the request itself makes', async () => {
    const tested = await tenant.admin.post('/v1/self-serve/billing/webhook-test', undefined, { traceparent });
    expect([tested.status, tested.headers.get('traceparent')]).toEqual([200, traceparent]);
    expect(traceOf('billing.webhook.test')).toBe(traceparent);
  });

  it('goes on through the event and the job that the event asked for', async () => {
    await server.operator('t1').patch(`/v1/admin/plans/${tenant.tenantId}`, { plan_id: 'free' });
    const body = { target_plan: 'enterprise', reason: 'we grow' };
    const asked = await tenant.admin.post('/v1/self-serve/plan/upgrade-request', body, { traceparent });
    expect(asked.status).toBe(202);
    await until('the message is taken', () => traceOf('billing.upgrade_requested') !== undefined);
    expect(traceOf('billing.upgrade_requested')).toBe(traceparent);
  });

  it('is in the log lines of the request, beside its id', () => {
    const lines = server.lines.filter((line) => line.includes(`"trace_id":"${TRACE}"`));
    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(lines.filter((line) => !line.includes('"request_id":"') && !line.includes('"job_id":"'))).toEqual([]);
  });
});
