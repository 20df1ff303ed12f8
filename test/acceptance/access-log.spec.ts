import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import type { StoredEvent } from '#infra/event-log/event-log.js';
import { testEngine, type TestDatabase } from '#test/support/database.js';
import { everyEvent } from '#test/support/event-log.js';
import { Cluster, tenantAt } from '#test/support/processes.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

async function accessOf({ database }: TestDatabase): Promise<readonly StoredEvent[]> {
  const log = await PostgresEventLog.open(database, 'access');
  try {
    return await everyEvent(log);
  } finally {
    await log.close();
  }
}

onServers('the record of access of a process that ends', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.open();
    await cluster.start({ roles: 'projector' });
  });
  afterAll(() => cluster.close());

  it('has every refusal that was answered before it was killed', async () => {
    const api = await cluster.start({ roles: 'api' });
    const { reader } = await tenantAt(api);
    const refused = await reader.get('/v1/audit/events', { 'x-request-id': 'last words' });
    await api.kill();
    expect(refused.status).toBe(403);
    const requestId = refused.headers.get('x-request-id');
    const stored = (await accessOf(cluster.test)).filter(
      ({ type, metadata }) => type === 'RoleRefused' && metadata.requestId === requestId,
    );
    expect(stored).toHaveLength(1);
  });

  it('has every call, and every repeat by its number, that came before it was asked to stop', async () => {
    const api = await cluster.start({ roles: 'api', env: { AUDIT_REPEAT_WINDOW_SECONDS: '3600' } });
    const { reader, tenantId } = await tenantAt(api);
    for (let n = 0; n < 30; n += 1) await reader.get('/v1/audit/events');
    expect(await api.stop()).toBe(0);
    const mine = (await accessOf(cluster.test)).filter(({ metadata }) => metadata.tenantId === tenantId);
    const ofReader = mine.filter(({ metadata }) => metadata.actor.role === 'reader');
    expect(ofReader.filter(({ type }) => type === 'RequestAuthenticated')).toHaveLength(30);
    expect(ofReader.filter(({ type }) => type === 'RoleRefused').map(({ data }) => data['count'])).toEqual([1, 29]);
  });
});
