import { loadConfig } from '#infra/config/config.js';
import { eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';
import { WebhookReceiver, type ReceivedMessage } from '#test/support/webhook-receiver.js';

const SECRET = 'the-secret-of-the-billing-system';

describe('the billing webhook', () => {
  let server: TestServer;
  let receiver: WebhookReceiver;
  let tenant: TestTenant;
  beforeAll(async () => {
    receiver = await WebhookReceiver.open();
    server = await openTestServer({
      BILLING_WEBHOOK_ENABLED: 'true',
      BILLING_WEBHOOK_URL: receiver.url,
      BILLING_WEBHOOK_SECRET: SECRET,
      BILLING_WEBHOOK_TIMEOUT_MS: '3000',
      EXT_RETRY_BACKOFF_MS: '1',
      CB_FAILURE_THRESHOLD: '1000',
    });
  });
  afterAll(async () => {
    await server.stop();
    await receiver.close();
  });
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  const told = (): readonly ReceivedMessage[] => receiver.of('tenant_id', tenant.tenantId);
  const outcomesOf = async (deliveryId: unknown): Promise<readonly string[]> =>
    (await eventsOf(server.platform, `billing-${tenant.tenantId}.${String(deliveryId)}`)).map(({ type }) => type);

  it('tells once of each cap that is reached, in the payloads of the contract', async () => {
    await tenant.admin.patch(`/v1/admin/quotas/${tenant.tenantId}`, { daily_requests_limit: 2, soft_cap_ratio: 0.5 });
    await Promise.all(Array.from({ length: 8 }, () => tenant.reader.get('/v1/corpora')));
    await until('both caps are told of', () => told().length === 2);
    const payloadOf = (type: string): unknown => told().find(({ json }) => json['event_type'] === type)?.json;
    const common = { tenant_id: tenant.tenantId, period: 'day', metric: 'requests', timestamp: expect.any(String) };
    expect(payloadOf('quota.soft_cap_reached')).toEqual({
      event_type: 'quota.soft_cap_reached',
      ...common,
      used: expect.any(Number),
      limit: 2,
      soft_cap_ratio: 0.5,
    });
    expect(payloadOf('quota.hard_cap_blocked')).toEqual({
      event_type: 'quota.hard_cap_blocked',
      ...common,
      day_used: expect.any(Number),
      day_limit: 2,
      month_used: expect.any(Number),
      month_limit: null,
    });
    for (const { headers, json } of told()) {
      expect(headers['x-billing-event']).toBe(json['event_type']);
      await until('it is on record', async () => (await outcomesOf(headers['webhook-id'])).length === 1);
      expect(await outcomesOf(headers['webhook-id'])).toEqual(['BillingWebhookDelivered']);
    }
  });

  it('tells of an upgrade that is asked for, with its reason in clear, and holds the caller up by nothing', async () => {
    await server.operator('t1').patch(`/v1/admin/plans/${tenant.tenantId}`, { plan_id: 'free' });
    receiver.manners.push('hang', 'drop', { status: 503, headers: { 'retry-after': '0' } });
    const asked = await tenant.admin.post('/v1/self-serve/plan/upgrade-request', {
      target_plan: 'enterprise',
      reason: 'we grow',
    });
    expect(asked.status).toBe(202);
    await until('the message is taken', () => told().length === 4, 60_000);
    expect(new Set(told().map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(told().map(({ body }) => body)).size).toBe(1);
    expect(told()[0]?.json).toEqual({
      event_type: 'billing.upgrade_requested',
      tenant_id: tenant.tenantId,
      current_plan: 'free',
      target_plan: 'enterprise',
      reason: 'we grow',
      request_id: (asked.data as { request_id: string }).request_id,
      timestamp: expect.any(String),
    });
    const id = told()[0]?.headers['webhook-id'];
    await until('it is on record', async () => (await outcomesOf(id)).length > 0);
    expect(await outcomesOf(id)).toEqual(['BillingWebhookDelivered']);
  }, 90_000);

  it('gives a message up that the receiver refuses, and says so on the audit log', async () => {
    receiver.manners.push(400);
    await tenant.admin.patch(`/v1/admin/quotas/${tenant.tenantId}`, { daily_requests_limit: 0 });
    await tenant.reader.get('/v1/corpora');
    await tenant.admin.patch(`/v1/admin/quotas/${tenant.tenantId}`, { daily_requests_limit: null });
    await until('the failure is on the audit log', async () => {
      const { data } = await tenant.admin.get('/v1/audit/events?event_type=billing.webhook.failure');
      return (data as { items: unknown[] }).items.length === 1;
    });
    expect(told()).toHaveLength(1);
  });

  it('waits while notifications are switched off, without using up its attempts, and then tells', async () => {
    const path = '/v1/admin/rollouts/killswitches';
    await tenant.admin.patch(path, { kill_switches: { 'kill.notifications': true } });
    await server.operator('t1').patch(`/v1/admin/plans/${tenant.tenantId}`, { plan_id: 'free' });
    await tenant.admin.post('/v1/self-serve/plan/upgrade-request', { target_plan: 'pro' });
    const { database } = server.platform;
    const mine = `name = 'billing.deliver-webhook' and data->>'tenantId' = '${tenant.tenantId}'`;
    await until('the message waits', async () => {
      const waiting = await database.query<{ retry_count: number }>(
        `select retry_count from pgboss.job where ${mine} and state = 'created' and start_after > now() + interval '5 s'`,
      );
      return waiting.length === 1 && waiting[0]?.retry_count === 0;
    });
    expect(told()).toHaveLength(0);
    await tenant.admin.patch(path, { kill_switches: { 'kill.notifications': false } });
    await database.execute(`update pgboss.job set start_after = now() where ${mine}`);
    await until('the message is taken', () => told().length === 1);
  });

  it('is tested with an answer of 200, whether the message was taken or not', async () => {
    const path = '/v1/self-serve/billing/webhook-test';
    const taken = await tenant.admin.post(path);
    expect(taken).toMatchObject({
      status: 200,
      data: { sent: true, status_code: 200, delivery_id: expect.any(String) },
    });
    const message = told()[0];
    const { delivery_id: id } = taken.data as { delivery_id: string };
    expect(message?.json).toEqual({
      event_type: 'billing.webhook.test',
      tenant_id: tenant.tenantId,
      delivery_id: id,
      timestamp: expect.any(String),
    });
    expect(message?.headers['webhook-id']).toBe(id);
    receiver.manners.push(418);
    expect(await tenant.admin.post(path)).toMatchObject({ status: 200, data: { sent: false, status_code: 418 } });
    receiver.manners.push('drop', 'drop');
    expect(await tenant.admin.post(path)).toMatchObject({ status: 200, data: { sent: false, status_code: null } });
    expect(await outcomesOf(id)).toEqual(['BillingWebhookTested']);
  });

  it('is tested once under one Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'test-1' };
    const first = await tenant.admin.post('/v1/self-serve/billing/webhook-test', {}, key);
    const again = await tenant.admin.post('/v1/self-serve/billing/webhook-test', {}, key);
    expect(again.text).toBe(first.text);
    expect(told()).toHaveLength(1);
  });

  it('answers 401 without a key and 403 below admin, and to a tenant whose plan has no such test', async () => {
    const path = '/v1/self-serve/billing/webhook-test';
    expect(await server.anonymous.post(path)).toMatchObject({ status: 401 });
    for (const caller of [tenant.reader, tenant.editor])
      expect(await caller.post(path)).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
    await server.operator('t1').patch(`/v1/admin/plans/${tenant.tenantId}`, { plan_id: 'free' });
    expect(await tenant.admin.post(path)).toMatchObject({ status: 403, code: 'FEATURE_NOT_ENABLED' });
    expect(told()).toHaveLength(0);
  });

  it('never shows its secret in the log', () => {
    expect(server.lines.join('\n')).not.toContain(SECRET);
  });
});

describe('a server without a billing webhook', () => {
  it('answers its test with 400, and does nothing when a cap is reached', async () => {
    const server = await openTestServer();
    try {
      const { admin, reader, tenantId } = await server.tenant();
      expect(await admin.post('/v1/self-serve/billing/webhook-test')).toMatchObject({
        status: 400,
        code: 'BILLING_WEBHOOK_NOT_CONFIGURED',
      });
      await admin.patch(`/v1/admin/quotas/${tenantId}`, { daily_requests_limit: 0 });
      expect(await reader.get('/v1/corpora')).toMatchObject({ status: 402 });
    } finally {
      await server.stop();
    }
  });

  it.each([{ BILLING_WEBHOOK_SECRET: 'long-enough-secret' }, { BILLING_WEBHOOK_URL: 'http://127.0.0.1:1/' }])(
    'does not start when it is switched on with %j alone',
    (half) => {
      const env = { BILLING_WEBHOOK_ENABLED: 'true', ...half };
      expect(() => loadConfig({ env, readFile: () => undefined })).toThrow(
        'BILLING_WEBHOOK_ENABLED needs BILLING_WEBHOOK_URL and BILLING_WEBHOOK_SECRET',
      );
    },
  );
});
