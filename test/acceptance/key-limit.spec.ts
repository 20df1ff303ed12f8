import { testEngine } from '#test/support/database.js';
import type { KeyItem } from '#test/support/keys.js';
import { TestClient } from '#test/support/client.js';
import { Cluster, tenantAt, type ServerProcess } from '#test/support/processes.js';
import type { TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const onServers = testEngine === 'postgres' ? describe : describe.skip;

onServers('the keys of a tenant, over two processes', () => {
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

  const listed = async (): Promise<readonly KeyItem[]> =>
    ((await tenant.admin.get('/v1/self-serve/api-keys')).data as { items: readonly KeyItem[] }).items;

  it('are exactly 20 after 64 callers asked for one at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) =>
        tenant.admin.at(n % 2 === 0 ? here.url : there.url).post('/v1/self-serve/api-keys', { role: 'reader' }),
      ),
    );
    const codes = answers.map(({ status, code }) => code ?? String(status));
    expect(codes.filter((code) => code === '200')).toHaveLength(17);
    expect(codes.filter((code) => code === 'KEY_LIMIT_REACHED')).toHaveLength(47);
    expect((await listed()).filter(({ is_active: active }) => active)).toHaveLength(20);
  });

  it('are one key and 64 equal answers under one Idempotency-Key', async () => {
    const [newest] = await listed();
    await tenant.admin.post(`/v1/self-serve/api-keys/${newest?.key_id ?? ''}/revoke`);
    const headers = { 'idempotency-key': 'one' };
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) =>
        tenant.admin
          .at(n % 2 === 0 ? here.url : there.url)
          .post('/v1/self-serve/api-keys', { role: 'reader' }, headers),
      ),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect((await listed()).filter(({ is_active: active }) => active)).toHaveLength(20);
  });

  it('are not all taken away by two admins who disable each other', async () => {
    const [spare] = await listed();
    await tenant.admin.post(`/v1/self-serve/api-keys/${spare?.key_id ?? ''}/revoke`);
    const made = await tenant.admin.post('/v1/self-serve/api-keys', { role: 'admin' });
    const second = made.data as KeyItem;
    const admins = (await listed()).filter(({ role }) => role === 'admin');
    const first = admins.find(({ key_id: id }) => id !== second.key_id);
    expect(admins).toHaveLength(2);
    const path = (key: KeyItem | undefined) => `/v1/admin/api-keys/${key?.key_id ?? ''}`;
    const asSecond = new TestClient(there.url, second.api_key);
    const both = await Promise.all([
      tenant.admin.patch(path(second), { active: false }),
      asSecond.patch(path(first), { active: false }),
    ]);
    expect(both.filter(({ status }) => status === 200)).toHaveLength(1);
    const winner = both[0]?.status === 200 ? tenant.admin : asSecond;
    const left = (await winner.get('/v1/admin/api-keys')).data as { items: readonly KeyItem[] };
    expect(left.items.filter(({ role, is_active: active }) => role === 'admin' && active)).toHaveLength(1);
  });

  it.each([
    ['disabled', { active: false }, 'AUTH_DISABLED_KEY'],
    ['expired', { expires_at: '2020-01-01T00:00:00Z' }, 'AUTH_EXPIRED_KEY'],
    ['limited', { scopes: { routes: ['run'] } }, 'AUTH_FORBIDDEN'],
  ])('that are %s at the one are so at the other, which no cache delays', async (_, change, code) => {
    const own = await tenantAt(here);
    const elsewhere = own.reader.at(there.url);
    expect((await elsewhere.get('/v1/corpora')).status).toBe(200);
    const items = (await own.admin.get('/v1/admin/api-keys')).data as { items: readonly KeyItem[] };
    const reader = items.items.find(({ role }) => role === 'reader');
    expect((await own.admin.patch(`/v1/admin/api-keys/${reader?.key_id ?? ''}`, change)).status).toBe(200);
    const since = performance.now();
    await until('the change is in force', async () => (await elsewhere.get('/v1/corpora')).code === code);
    process.stdout.write(`  ${code} elsewhere ${(performance.now() - since).toFixed(0)} ms after the answer\n`);
  });
});
