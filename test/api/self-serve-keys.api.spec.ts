import { KeyHasher } from '#api/capabilities/api-keys/api-key-secret.adapter.js';
import { KeyDesk } from '#api/capabilities/api-keys/api-keys.handler.js';
import { ApiKeyQueries } from '#api/capabilities/api-keys/api-keys.queries.js';
import type { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { systemFacts } from '#cli/operations/keys.js';
import { openTestServer, eventsOf, type TestServer, type TestTenant } from '#test/support/server.js';
import { TestClient } from '#test/support/client.js';
import { everyEvent } from '#test/support/event-log.js';
import { keyOfDaysAgo, outcomeOf, type KeyItem } from '#test/support/keys.js';
import { until } from '#test/support/until.js';

describe('the keys that a tenant makes itself', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({ RATE_LIMIT_ENABLED: 'false' });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  const make = (body: object = { role: 'reader' }, headers: Record<string, string> = {}) =>
    tenant.admin.post('/v1/self-serve/api-keys', body, headers);
  const made = async (body?: object): Promise<KeyItem> => {
    const { status, data, text } = await make(body);
    if (status !== 200) throw new Error(text);
    return data as KeyItem;
  };
  const listed = async (path = '/v1/self-serve/api-keys', client = tenant.admin): Promise<readonly KeyItem[]> =>
    ((await client.get(path)).data as { items: readonly KeyItem[] }).items;
  const accessEvents = async (type: string) =>
    (await everyEvent(server.platform.accessLog, [type])).filter(
      ({ metadata }) => metadata.tenantId === tenant.tenantId,
    );

  it('are shown once, work at once, and are listed without their secret, newest first', async () => {
    const key = await made({ role: 'editor', name: 'importer', expires_in_days: 30, scopes: { routes: ['read'] } });
    const { api_key: secret, ...item } = key;
    expect(secret).toMatch(/^nrgk_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/);
    expect(item).toEqual({
      key_id: expect.any(String),
      key_prefix: secret.slice(0, 12),
      name: 'importer',
      role: 'editor',
      created_at: expect.stringMatching(/Z$/),
      last_used_at: null,
      expires_at: expect.stringMatching(/Z$/),
      revoked_at: null,
      disabled_at: null,
      is_active: true,
      scopes: { routes: ['read'] },
    });
    expect(Date.parse(item.expires_at ?? '') - Date.parse(item.created_at)).toBe(30 * 86_400_000);
    expect(await outcomeOf(server.url, secret)).toBe('200');
    expect((await listed())[0]).toMatchObject({ key_id: item.key_id, scopes: { routes: ['read'] } });
    expect(JSON.stringify(await listed())).not.toContain(secret.slice(13));
    const log = JSON.stringify(await eventsOf(server.platform, `apiKeys-${tenant.tenantId}.all`));
    expect(log).not.toContain(secret.slice(13));
    expect(log).toContain('SelfServeApiKeyCreated');
  });

  it('are listed page by page, none twice and none left out', async () => {
    await made();
    await made();
    const all = (await listed()).map(({ key_id: id }) => id);
    const seen: string[] = [];
    let path: string | undefined = '/v1/self-serve/api-keys?limit=2';
    while (path !== undefined) {
      const { data } = await tenant.admin.get(path);
      const page = data as { items: readonly KeyItem[]; next_cursor: string | null };
      seen.push(...page.items.map(({ key_id: id }) => id));
      path = page.next_cursor === null ? undefined : `/v1/self-serve/api-keys?limit=2&cursor=${page.next_cursor}`;
    }
    expect(seen).toEqual(all);
    expect(all).toHaveLength(5);
    const foreign = await tenant.admin.get('/v1/self-serve/api-keys?cursor=bm90LW91cnM');
    expect([foreign.status, foreign.code]).toEqual([400, 'INVALID_CURSOR']);
  });

  it.each([
    ['an unknown role', { role: 'Admin' }],
    ['no role', {}],
    ['a long name', { role: 'reader', name: 'n'.repeat(129) }],
    ['no day', { role: 'reader', expires_in_days: 0 }],
    ['too many days', { role: 'reader', expires_in_days: 3_651 }],
    ['an unknown field', { role: 'reader', tenant_id: 't2' }],
    ['a network that is none', { role: 'reader', scopes: { networks: ['10.0.0.0/40'] } }],
    ['a route that is none', { role: 'reader', scopes: { routes: ['everything'] } }],
    ['an unknown scope', { role: 'reader', scopes: { tenants: ['t2'] } }],
  ])('are refused with %s', async (_, body) => {
    const refused = await make(body);
    expect([refused.status, refused.code]).toEqual([422, 'REQUEST_VALIDATION_ERROR']);
  });

  it('are for admins only: 401 without a key, 403 below the role', async () => {
    expect((await server.anonymous.post('/v1/self-serve/api-keys', { role: 'reader' })).status).toBe(401);
    expect((await tenant.editor.post('/v1/self-serve/api-keys', { role: 'reader' })).code).toBe('AUTH_FORBIDDEN');
    expect((await tenant.reader.get('/v1/self-serve/api-keys/inactive-report')).status).toBe(403);
  });

  it('are revoked once and for ever; again is 200 and changes nothing; one of another tenant is 404', async () => {
    const { key_id: id, api_key: secret } = await made();
    const first = await tenant.admin.post(`/v1/self-serve/api-keys/${id}/revoke`);
    const second = await tenant.admin.post(`/v1/self-serve/api-keys/${id}/revoke`);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.data).toMatchObject({ key_id: id, is_active: false, revoked_at: expect.stringMatching(/Z$/) });
    expect(second.data).toEqual(first.data);
    expect(await outcomeOf(server.url, secret)).toBe('AUTH_REVOKED_KEY');
    const other = await server.tenant();
    const foreign = await other.admin.post(`/v1/self-serve/api-keys/${id}/revoke`);
    expect([foreign.status, foreign.code]).toEqual([404, 'NOT_FOUND']);
    expect((await tenant.admin.post('/v1/self-serve/api-keys/constructor/revoke')).status).toBe(404);
  });

  it('are at most 20 that work, whatever is asked for at once; the refusal is on record', async () => {
    // Three are there: one of each role, made at the command line.
    const answers = await Promise.all(Array.from({ length: 40 }, () => make()));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(17);
    const refused = answers.find(({ status }) => status !== 200);
    expect([refused?.status, refused?.code]).toEqual([409, 'KEY_LIMIT_REACHED']);
    expect(refused?.body).toMatchObject({ error: { details: { max_active: 20 } } });
    expect((await listed()).filter(({ is_active: active }) => active)).toHaveLength(20);
    const [recorded] = await accessEvents('ApiKeyCreationRefused');
    expect(recorded?.data).toMatchObject({ reason: 'limit_reached', code: 'KEY_LIMIT_REACHED' });
    const [first] = await listed();
    await tenant.admin.post(`/v1/self-serve/api-keys/${first?.key_id ?? ''}/revoke`);
    expect((await make()).status).toBe(200);
  });

  it('come back the same under one Idempotency-Key, also to 8 callers at once, from a sealed record', async () => {
    const headers = { 'idempotency-key': 'make-one' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => make({ role: 'reader' }, headers)));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const secret = (answers[0]?.data as KeyItem).api_key;
    expect(await outcomeOf(server.url, secret)).toBe('200');
    expect((await make({ role: 'reader' }, headers)).headers.get('idempotency-replayed')).toBe('true');
    expect(await listed()).toHaveLength(4);
    const { database } = server.platform;
    const tables = await database.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
        where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
    );
    expect(tables.length).toBeGreaterThan(5);
    for (const { name } of tables) {
      const [row] = await database.query<{ n: string }>(
        `select count(*) as n from ${name} t where t::text like '%' || $1 || '%' or t::text like '%' || $2 || '%'`,
        [secret.slice(38), Buffer.from(secret.slice(38)).toString('hex')],
      );
      expect({ name, n: Number(row?.n) }).toEqual({ name, n: 0 });
    }
  });

  it('are shown also when the process that made them died before it could answer: the lost one is replaced', async () => {
    const { platform } = server;
    const facts = { ...systemFacts(tenant.tenantId, 'test') };
    const caller = { tenantId: tenant.tenantId, facts, principal: {}, context: {} } as unknown as CallerContext;
    const queries = new ApiKeyQueries(platform.readModels, {
      before: () => Promise.resolve(),
    } as unknown as ReadYourWrites);
    const desk = new KeyDesk({
      commands: { run: (decider, streamId, command) => platform.path.run(decider, streamId, command, facts) },
      path: platform.path,
      queries,
      access: { record: () => undefined, recorded: () => Promise.resolve() },
      hasher: new KeyHasher(),
      maxActive: 20,
      inactivity: { enforced: false, days: 90 },
    });
    const tries: KeyItem[] = [];
    for (let n = 0; n < 3; n += 1)
      tries.push((await desk.create({ role: 'reader', name: 'lost' }, caller)) as unknown as KeyItem);
    const outcomes: string[] = [];
    for (const { api_key: secret } of tries) outcomes.push(await outcomeOf(server.url, secret));
    expect(outcomes).toEqual(['AUTH_REVOKED_KEY', 'AUTH_REVOKED_KEY', '200']);
  });

  it('that were not used for long, or have expired, are in the report; viewing is on record', async () => {
    const idle = await keyOfDaysAgo(server.platform, tenant.tenantId, 100);
    const busy = await keyOfDaysAgo(server.platform, tenant.tenantId, 89);
    const expired = await keyOfDaysAgo(server.platform, tenant.tenantId, 2, {
      expiresAt: new Date(Date.now() - 1_000).toISOString(),
    });
    const gone = await keyOfDaysAgo(server.platform, tenant.tenantId, 100);
    await tenant.admin.post(`/v1/self-serve/api-keys/${gone.keyId}/revoke`);
    const report = async (query = '') => {
      const { data } = await tenant.admin.get(`/v1/self-serve/api-keys/inactive-report${query}`);
      return data as { inactive_days_threshold: number; items: readonly KeyItem[] };
    };
    const { inactive_days_threshold: days, items } = await report();
    expect([days, items.map(({ key_id: id }) => id)]).toEqual([90, [expired.keyId, idle.keyId]]);
    expect(items[1]).toMatchObject({ inactive_days: 100, is_expired: false, last_used_at: null });
    expect((await report('?inactive_days=89')).items.map(({ key_id: id }) => id)).toEqual([
      expired.keyId,
      busy.keyId,
      idle.keyId,
    ]);
    expect((await tenant.admin.get('/v1/self-serve/api-keys/inactive-report?inactive_days=0')).status).toBe(422);
    await listed();
    for (const type of ['InactiveKeysReported', 'ApiKeysListed'])
      await until(`${type} is on record`, async () => (await accessEvents(type)).length > 0);
  });

  it('that are limited make no wider ones', async () => {
    const { api_key: secret } = await made({ role: 'admin', scopes: { corpora: ['c1'] } });
    const limited = new TestClient(server.url, secret);
    const wide = await limited.post('/v1/self-serve/api-keys', { role: 'reader' });
    expect([wide.status, wide.code]).toEqual([403, 'AUTH_FORBIDDEN']);
    const wider = { role: 'reader', scopes: { corpora: ['c1', 'c2'] } };
    expect((await limited.post('/v1/self-serve/api-keys', wider)).status).toBe(403);
    const [own] = await listed();
    const widened = await limited.patch(`/v1/admin/api-keys/${own?.key_id ?? ''}`, { scopes: null });
    expect([widened.status, widened.code]).toEqual([403, 'AUTH_FORBIDDEN']);
    const within = { role: 'reader', scopes: { corpora: ['c1'], routes: ['read'] } };
    expect((await limited.post('/v1/self-serve/api-keys', within)).status).toBe(200);
  });
});
