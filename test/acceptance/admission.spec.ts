import { testEngine } from '#test/support/database.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import type { TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

const CALLERS = 64;

/** What `calls` requests were answered that 64 callers make in turn, each at one of two processes. */
async function parallel(at: readonly ServerProcess[], tenant: TestTenant, calls: number): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let left = calls;
  const caller = async (index: number): Promise<void> => {
    const client = tenant.reader.at(at[index % at.length]?.url ?? '');
    while (left > 0) {
      left -= 1;
      const { status } = await client.get('/v1/corpora');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));
  return statuses;
}

onServers('64 callers of one tenant at two processes', () => {
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.open();
  });
  afterEach(() => cluster.close());

  const both = async (env: Record<string, string> = {}): Promise<readonly [ServerProcess, ServerProcess]> => {
    const prefix = { RL_REDIS_PREFIX: `test:${cluster.test.url?.split('/').at(-1) ?? ''}` };
    const first = await cluster.start({ roles: 'api,projector', env: { ...prefix, ...env } });
    return [first, await cluster.start({ roles: 'api', env: { ...prefix, ...env } })];
  };
  it('are admitted exactly as often as the quota says', async () => {
    const processes = await both();
    const tenant = await tenantAt(processes[0]);
    const limit = { daily_requests_limit: 1_000 };
    const limited = await tenant.admin.patch(`/v1/admin/quotas/${tenant.tenantId}`, limit);
    expect(limited.status).toBe(200);
    const other = tenant.reader.at(processes[1].url);
    let used = 0;
    await until('the other process has heard of the limit', async () => {
      const { headers } = await other.get('/v1/corpora');
      used = Number(headers.get('x-quota-day-used'));
      return headers.get('x-quota-day-limit') === '1000';
    });
    const statuses = await parallel(processes, tenant, 1_500);
    expect(used + (statuses.get(200) ?? 0)).toBe(1_000);
    expect([...statuses.keys()].toSorted()).toEqual([200, 402]);
  });

  it('are let through by a bucket no more often than its burst and its rate allow', async () => {
    const processes = await both({
      RATE_LIMIT_ENABLED: 'true',
      RL_KEY_READ_RPS: '50',
      RL_KEY_READ_BURST: '40',
      RL_TENANT_READ_RPS: '100000',
      RL_TENANT_READ_BURST: '100000',
    });
    const tenant = await tenantAt(processes[0]);
    const started = performance.now();
    const statuses = await parallel(processes, tenant, 2_000);
    const seconds = (performance.now() - started) / 1_000;
    const admitted = statuses.get(200) ?? 0;
    expect([...statuses.keys()].toSorted()).toEqual([200, 429]);
    expect(admitted).toBeGreaterThanOrEqual(40);
    expect(admitted).toBeLessThanOrEqual(40 + Math.ceil(50 * seconds));
  });
});
