import { testEngine } from '#test/support/database.js';
import { eventsIn } from '#test/support/event-log.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import { until } from '#test/support/until.js';
import { WebhookReceiver } from '#test/support/webhook-receiver.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

onServers('what two processes know of usage', () => {
  let cluster: Cluster;
  let receiver: WebhookReceiver;
  let env: Readonly<Record<string, string>>;
  let projector: ServerProcess;
  let first: ServerProcess;
  let second: ServerProcess;
  beforeAll(async () => {
    [cluster, receiver] = await Promise.all([Cluster.open(), WebhookReceiver.open()]);
    env = {
      BILLING_WEBHOOK_ENABLED: 'true',
      BILLING_WEBHOOK_URL: receiver.url,
      BILLING_WEBHOOK_SECRET: 'a-secret-of-the-tests',
      BILLING_WEBHOOK_TIMEOUT_MS: '60000',
      EXT_CALL_TIMEOUT_MS: '60000',
      EXT_RETRY_MAX_ATTEMPTS: '1',
    };
    projector = await cluster.start({ roles: 'projector', env });
    [first, second] = await Promise.all([cluster.start({ roles: 'api', env }), cluster.start({ roles: 'api', env })]);
  }, 120_000);
  afterAll(async () => {
    await cluster.close();
    await receiver.close();
  });

  it('is one soft cap and one hard cap when both reach them at once, each told of once, also by a worker that is killed', async () => {
    const tenant = await tenantAt(first);
    const path = `/v1/admin/quotas/${tenant.tenantId}`;
    expect(await tenant.admin.patch(path, { daily_requests_limit: 11, soft_cap_ratio: 0.5 })).toMatchObject({
      status: 200,
    });
    await until('the limit is in force at the other process', async () => {
      const { headers } = await tenant.reader.at(second.url).get('/v1/corpora');
      return headers.get('x-quota-day-limit') === '11';
    });
    receiver.manners.push('hang', 'hang');
    const readers = [tenant.reader, tenant.reader.at(second.url)];
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => readers.map((reader) => reader.get('/v1/corpora'))).flat(),
    );
    expect(answers.filter((answer) => answer.status === 402).length).toBeGreaterThan(0);
    const told = () => receiver.of('tenant_id', tenant.tenantId);
    await until('the worker is in the middle of both', () => told().length === 2);
    await projector.kill();
    projector = await cluster.start({ roles: 'projector', env });
    await until('both are sent again', () => told().length === 4, 60_000);
    const ids = told().map(({ headers, json }) => `${String(json['event_type'])} ${String(headers['webhook-id'])}`);
    expect(new Set(ids).size).toBe(2);
    expect(new Set(told().map(({ body }) => body)).size).toBe(2);
    const mine = async (type: string): Promise<number> =>
      (await eventsIn(cluster.test, [type])).filter(({ metadata }) => metadata.tenantId === tenant.tenantId).length;
    await until('both are on record', async () => (await mine('BillingWebhookDelivered')) === 2);
    expect([await mine('QuotaSoftCapReached'), await mine('QuotaHardCapReached')]).toEqual([1, 1]);
  }, 120_000);

  it('is all that they served when they are asked to stop, and all but the last second when they are killed', async () => {
    const tenant = await tenantAt(first);
    const requestsOf = async (): Promise<number> =>
      (await eventsIn(cluster.test, ['UsageRecorded']))
        .filter(({ metadata }) => metadata.tenantId === tenant.tenantId)
        .reduce((sum, { data }) => sum + Number(data['requests']), 0);
    const spend = (url: string, times: number) =>
      Promise.all(Array.from({ length: times }, () => tenant.reader.at(url).get('/v1/corpora')));
    await spend(first.url, 30);
    await spend(second.url, 30);
    expect(await second.stop()).toBe(0);
    await until('what the first served is written', async () => (await requestsOf()) === 61);
    await spend(first.url, 10);
    await until('a second has passed', async () => (await requestsOf()) === 71);
    await first.kill();
    first = await cluster.start({ roles: 'api', env });
    const { data } = await tenant.admin.at(first.url).get('/v1/self-serve/usage/summary');
    expect(data).toMatchObject({ requests: { total: 72 }, quota: { day: { used: 72 } } });
  }, 120_000);
});
