import { testEngine } from '#test/support/database.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import type { TestTenant } from '#test/support/server.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

interface Rotated {
  readonly key: { readonly key_id: string };
  readonly secret: string;
  readonly replaced_key_id: string | null;
}
interface Key {
  readonly key_id: string;
  readonly status: string;
}

onServers('64 parallel rotations over two processes', () => {
  let cluster: Cluster;
  let processes: readonly ServerProcess[];
  let tenant: TestTenant;
  beforeAll(async () => {
    cluster = await Cluster.open();
    const projector = cluster.start({ roles: 'projector' });
    processes = await Promise.all([cluster.start({ roles: 'api' }), cluster.start({ roles: 'api' })]);
    await projector;
    const [here] = processes;
    if (here === undefined) throw new Error('a process is missing');
    tenant = await tenantAt(here);
  });
  afterAll(() => cluster.close());

  it('leave one active key of the purpose, each made once and each but the last replaced once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, at) =>
        tenant.admin
          .at(processes[at % 2]?.url ?? '')
          .post('/v1/admin/keyring/rotate?purpose=signing', undefined, { 'idempotency-key': `rotation-${at}` }),
      ),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const made = answers.map(({ data }) => data as Rotated);
    expect(new Set(made.map(({ secret }) => secret)).size).toBe(64);
    const replaced = made.flatMap(({ replaced_key_id: id }) => id ?? []);
    expect(new Set(replaced).size).toBe(63);
    const positions = answers.map(({ headers }) => BigInt(headers.get('x-log-position')?.split(':')[0] ?? '0'));
    const newest = answers[positions.indexOf(positions.reduce((left, right) => (left > right ? left : right)))];
    const min = { 'x-min-position': newest?.headers.get('x-log-position') ?? '' };
    for (const { url } of processes) {
      const listed = await tenant.admin.at(url).get('/v1/admin/keyring?purpose=signing&limit=200', min);
      const keys = listed.data as readonly Key[];
      const active = keys.filter(({ status }) => status === 'active').map(({ key_id }) => key_id);
      expect(active).toEqual([(newest?.data as Rotated).key.key_id]);
      expect(keys.filter(({ status }) => status === 'retiring')).toHaveLength(63);
    }
  });
});
