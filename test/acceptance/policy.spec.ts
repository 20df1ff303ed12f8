import { testEngine } from '#test/support/database.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import { TestClient, type Answer } from '#test/support/client.js';
import { RedisServer } from '#test/support/redis-server.js';
import { aCorpus, openTestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

onServers('W33: policy over two processes', () => {
  let cluster: Cluster;
  let here: ServerProcess;
  let there: ServerProcess;
  let tenant: TestTenant;
  beforeAll(async () => {
    cluster = await Cluster.open();
    const env = { RATE_LIMIT_ENABLED: 'false' };
    here = await cluster.start({ roles: 'api,projector', env });
    there = await cluster.start({ roles: 'api', env });
    tenant = await tenantAt(here);
  });
  afterAll(() => cluster.close());

  /** Well within the 30 s for which the other system keeps what it knew. */
  const followed = (what: string, holds: () => Promise<boolean>): Promise<void> => until(what, holds, 5_000);

  it('a plan is in force in the other process long before an old cache would have ended', async () => {
    const path = `/v1/admin/plans/${tenant.tenantId}`;
    const looks = async (): Promise<number> => (await tenant.admin.at(there.url).get('/v1/audit/checkpoint')).status;
    expect(await looks()).toBe(403);
    for (const [plan_id, status] of [
      ['pro', 200],
      ['free', 403],
      ['enterprise', 200],
    ] as const) {
      expect((await tenant.admin.patch(path, { plan_id })).status).toBe(200);
      await followed(`the plan ${plan_id} is in force`, async () => (await looks()) === status);
    }
  });

  it('64 changes of a plan from both sides are never a 500 and leave both sides of one opinion', async () => {
    const path = `/v1/admin/plans/${tenant.tenantId}`;
    const plans = ['free', 'pro', 'enterprise'];
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) =>
        tenant.admin.at(n % 2 === 0 ? here.url : there.url).patch(path, { plan_id: plans[n % 3] }),
      ),
    );
    for (const { status } of answers) expect([200, 503]).toContain(status);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    const [one, other] = await Promise.all([here, there].map(({ url }) => tenant.admin.at(url).get(path)));
    expect(one?.data).toEqual(other?.data);
  });

  it('a switch of all tenants is off in the other process, and on again', async () => {
    const operator = new TestClient(here.url, here.operatorToken);
    const flip = (on: boolean | null) =>
      operator.call(
        'PATCH',
        '/v1/admin/rollouts/killswitches',
        { kill_switches: { 'kill.run': on } },
        {
          'x-tenant-id': 't1',
        },
      );
    const question = { session_id: 's1', corpus_id: 'c1', message: 'Why?' };
    const asks = async (): Promise<number> => (await tenant.reader.at(there.url).post('/v1/run', question)).status;
    expect(await asks()).toBe(200);
    expect((await flip(true)).status).toBe(200);
    await followed('the switch is off', async () => (await asks()) === 503);
    expect((await flip(null)).status).toBe(200);
    await followed('the switch is on', async () => (await asks()) === 200);
  });
});

onServers('W24: while Redis is away', () => {
  it('a switch is turned and obeyed, and a question is answered', async () => {
    const redis = await RedisServer.start();
    const limits = { RATE_LIMIT_ENABLED: 'true', RL_KEY_RUN_BURST: '100', RL_TENANT_RUN_BURST: '100' };
    const server = await openTestServer({ REDIS_URL: redis.url, ...limits });
    try {
      const tenant = await server.tenant();
      await aCorpus(tenant);
      await redis.kill();
      const flip = (on: boolean): Promise<Answer> =>
        tenant.admin.patch('/v1/admin/rollouts/killswitches', { kill_switches: { 'kill.run': on } });
      const asks = (): Promise<Answer> =>
        tenant.reader.post('/v1/run', { session_id: 's1', corpus_id: 'c1', message: 'Why?' });
      expect((await flip(true)).status).toBe(200);
      expect((await asks()).code).toBe('FEATURE_TEMPORARILY_DISABLED');
      expect((await flip(false)).status).toBe(200);
      expect((await asks()).status).toBe(200);
    } finally {
      await server.stop();
      await redis.kill();
    }
  });
});
