import { testEngine } from '#test/support/database.js';
import { Cluster } from '#test/support/processes.js';

const withoutRedis = { REDIS_URL: '' };

/** A database server is needed; the embedded engine refuses every second process by its folder. */
const onServers = testEngine === 'postgres' ? describe : describe.skip;

onServers('an api process without Redis', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.open();
  });
  afterAll(() => cluster.close());

  it('is the only one on its database, and killed makes room for its successor', async () => {
    const first = await cluster.start({ roles: 'api,projector', env: withoutRedis });
    await expect(cluster.start({ roles: 'api', env: withoutRedis })).rejects.toThrow(
      /another api process works on this database, and without REDIS_URL/,
    );
    await expect(cluster.start({ roles: 'api' })).rejects.toThrow(/an api process without REDIS_URL works/);
    await (await cluster.start({ roles: 'projector', env: withoutRedis })).stop();
    await first.kill();
    const successor = await cluster.start({ roles: 'api,projector', env: withoutRedis });
    expect(await successor.stop()).toBe(0);
  });
});
