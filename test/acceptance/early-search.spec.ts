import { testEngine } from '#test/support/database.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import { aDocument, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

/** A process that answered questions of a corpus remembers it, and begins to search on that. */
onServers('a corpus that another process has changed a moment ago', () => {
  let cluster: Cluster;
  let there: ServerProcess;
  let tenant: TestTenant;
  beforeAll(async () => {
    cluster = await Cluster.open();
    const here = await cluster.start({ roles: 'api,projector', env: { RATE_LIMIT_ENABLED: 'false' } });
    there = await cluster.start({ roles: 'api', env: { RATE_LIMIT_ENABLED: 'false' } });
    tenant = await tenantAt(here);
    await tenant.admin.patch(`/v1/admin/plans/${tenant.tenantId}`, { plan_id: 'enterprise' });
    await until('the plan is in force there', async () => {
      const body = { provider_config_json: { retrieval: { provider: 'local_pgvector' } } };
      return (await tenant.admin.at(there.url).patch('/v1/corpora/c1', body)).status === 200;
    });
    for (let at = 0; at < 5; at += 1) await aDocument(tenant, `The kettle number ${at} is green.`);
  });
  afterAll(() => cluster.close());

  const ask = async () => {
    const { frames } = await tenant.admin.ask({ session_id: 's1', corpus_id: 'c1', message: 'Which kettle is green?' });
    const [runId = ''] = (frames[0]?.id ?? '').split(':');
    return { frames, runId };
  };

  it('is asked as it is now', async () => {
    await ask();
    for (const top_k_default of [1, 4, 2, 5, 3]) {
      const changed = await tenant.admin.at(there.url).patch('/v1/corpora/c1', {
        provider_config_json: { retrieval: { provider: 'local_pgvector', top_k_default } },
      });
      expect(changed.status).toBe(200);
      const { runId } = await ask();
      expect((await tenant.admin.get(`/v1/runs/${runId}/trace`)).data).toMatchObject({ k: top_k_default });
    }
  });

  it('says nothing any more once it is deleted', async () => {
    await ask();
    const deleted = await tenant.admin.at(there.url).delete('/v1/corpora/c1');
    expect([200, 202, 204]).toContain(deleted.status);
    const { frames } = await ask();
    expect(frames.map(({ type }) => type)).toEqual(['request.accepted', 'error', 'done']);
  });
});
