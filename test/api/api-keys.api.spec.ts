import { createKey, registerTenant } from '#cli/operations/keys.js';
import { aCorpus, eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { TestClient } from '#test/support/client.js';
import { until } from '#test/support/until.js';
import { everyEvent } from '#test/support/event-log.js';
import { keyOfDaysAgo, outcomeOf, type KeyItem } from '#test/support/keys.js';

interface NewKey {
  readonly key_id: string;
  readonly api_key: string;
  readonly key_prefix: string;
  readonly expires_at: string | null;
}

describe('the API keys of a tenant', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  /** Runs an operation as the command line does, and gives its items. */
  async function operate(name: string, args: object, as = server.operator(tenant.tenantId)): Promise<unknown[]> {
    const { status, text } = await as.post(`/v1/operator/${name}`, { args });
    if (status !== 200) throw new Error(`${status} ${text}`);
    const frames = text.split('\n\n').filter((frame) => frame !== '');
    const failed = frames.find((frame) => frame.startsWith('event: failed'));
    if (failed !== undefined) throw new Error(failed);
    return frames
      .filter((frame) => frame.startsWith('event: item'))
      .map((frame) => JSON.parse(frame.split('\ndata: ')[1] ?? 'null') as unknown);
  }

  async function aKey(args: object): Promise<NewKey> {
    const [key] = await operate('keys.create', { tenant: tenant.tenantId, ...args });
    return key as NewKey;
  }

  const client = (key: string) => new TestClient(server.url, key);
  const status = async (key: string): Promise<string> => {
    const answer = await client(key).get('/v1/corpora');
    return answer.code ?? String(answer.status);
  };

  it('work from the moment of their creation, each with the rights of its role', async () => {
    const created: Record<string, number[]> = {};
    for (const role of ['reader', 'editor', 'admin']) {
      const { api_key: key } = await aKey({ role, name: role });
      expect(key).toMatch(/^nrgk_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/);
      created[role] = [
        (await client(key).get('/v1/corpora')).status,
        (await client(key).post('/v1/corpora', { id: role, name: role })).status,
        (await client(key).get('/v1/audit/events')).status,
      ];
    }
    expect(created).toEqual({ reader: [200, 403, 403], editor: [200, 201, 403], admin: [200, 201, 200] });
  });

  it.each([
    ['nothing', {}],
    ['a scheme alone', { authorization: 'Bearer' }],
    ['another scheme', { authorization: 'Basic abc' }],
    ['three parts', { authorization: 'Bearer a b' }],
    ['an unknown key', { authorization: `Bearer nrgk_${'0'.repeat(32)}_${'a'.repeat(43)}` }],
    ['a key that was changed', { authorization: 'Bearer nrgk_x' }],
    ['the tenant of the bypass', { 'x-tenant-id': 't1', 'x-role': 'admin' }],
  ])('are missing with %s: 401, and the scheme is named', async (_, headers) => {
    const refused = await server.anonymous.get('/v1/corpora', headers);
    expect(refused).toMatchObject({ status: 401, code: 'AUTH_UNAUTHORIZED' });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('are taken with any case of the scheme', async () => {
    const { api_key: key } = await aKey({ role: 'reader' });
    expect((await server.anonymous.get('/v1/corpora', { authorization: `bEARER  ${key}` })).status).toBe(200);
  });

  it('are refused by the next request after their revocation, and for ever', async () => {
    const { key_id, api_key } = await aKey({ role: 'reader' });
    expect(await status(api_key)).toBe('200');
    await operate('keys.revoke', { key_id });
    expect(await status(api_key)).toBe('AUTH_REVOKED_KEY');
    await operate('keys.revoke', { key_id });
    expect(await status(api_key)).toBe('AUTH_REVOKED_KEY');
  });

  it('are replaced in one step by a rotation, or kept beside the new one', async () => {
    const old = await aKey({ role: 'editor' });
    const [rotated] = (await operate('keys.rotate', { key_id: old.key_id })) as NewKey[];
    expect(await status(old.api_key)).toBe('AUTH_REVOKED_KEY');
    expect(await status(rotated?.api_key ?? '')).toBe('200');
    const [beside] = (await operate('keys.rotate', { key_id: rotated?.key_id, keep_old_active: true })) as NewKey[];
    expect(await status(rotated?.api_key ?? '')).toBe('200');
    const made = await client(beside?.api_key ?? '').post('/v1/corpora', { id: 'c1', name: 'n' });
    expect(made.status).toBe(201);
  });

  it('end when their time has come', async () => {
    const expiresAt = new Date(Date.now() + 3_000).toISOString();
    const { tenantId } = tenant;
    const { api_key } = await createKey(server.platform, { tenantId, role: 'reader', name: null, expiresAt });
    expect(await status(api_key)).toBe('200');
    await until('the key has expired', async () => (await status(api_key)) === 'AUTH_EXPIRED_KEY');
  });

  it('belong to one tenant: nothing of another is seen with them', async () => {
    const other = await server.tenant();
    await aCorpus(other, 'theirs');
    const { api_key } = await aKey({ role: 'admin' });
    expect((await client(api_key).get('/v1/corpora')).data).toEqual([]);
    expect((await client(api_key).get('/v1/corpora/theirs', { 'x-tenant-id': other.tenantId })).status).toBe(404);
  });

  it('are listed with how long they were not used, and alone where that is asked for', async () => {
    const { keyId } = await keyOfDaysAgo(server.platform, tenant.tenantId, 40);
    const listed = (args: object) => operate('keys.list', { tenant: tenant.tenantId, ...args });
    const [only, ...more] = await listed({ inactive_only: true, inactive_days: 40 });
    expect([only, more]).toMatchObject([{ key_id: keyId, inactive_days: 40, is_active: true, is_expired: false }, []]);
    expect(await listed({ inactive_only: true })).toEqual([]);
    expect(await listed({})).toHaveLength(4);
  });

  it('are listed without their secret, newest first', async () => {
    const { key_id, api_key, key_prefix } = await aKey({ role: 'reader', name: 'mine', email: 'someone@example.org' });
    const listed = (await operate('keys.list', { tenant: tenant.tenantId })) as Record<string, unknown>[];
    expect(listed[0]).toMatchObject({ key_id, name: 'mine', role: 'reader', key_prefix, email: 'someone@example.org' });
    expect(key_prefix).toBe(api_key.slice(0, 12));
    expect(JSON.stringify(listed)).not.toContain(api_key.slice(13));
  });

  it('are not run by a key, but only by the operator of the machine', async () => {
    const body = { args: { tenant: tenant.tenantId, role: 'admin' } };
    expect(await tenant.admin.post('/v1/operator/keys.create', body)).toMatchObject({
      status: 403,
      code: 'AUTH_FORBIDDEN',
    });
    expect((await server.anonymous.post('/v1/operator/keys.create', body)).status).toBe(401);
    expect((await tenant.reader.post('/v1/operator/keys.create', body)).status).toBe(403);
    expect((await server.operator('t1').post('/v1/operator/none', {})).status).toBe(404);
    expect((await server.operator('t1').post('/v1/operator/constructor', {})).status).toBe(404);
  });

  it('stand in the log without their secret and without clear personal fields', async () => {
    const { api_key } = await aKey({ role: 'reader', email: 'canary@example.org' });
    const events = JSON.stringify(await eventsOf(server.platform, `apiKeys-${tenant.tenantId}.all`));
    const all = JSON.stringify(await everyEvent(server.platform.log));
    for (const text of [events, all, server.lines.join('')]) {
      expect(text).not.toContain(api_key);
      expect(text).not.toContain('canary@example.org');
    }
  });
});

describe('the keys of a tenant, for its admins', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({ RATE_LIMIT_ENABLED: 'false' });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  const path = '/v1/admin/api-keys';
  const listed = async (query = '', client = tenant.admin): Promise<readonly KeyItem[]> =>
    ((await client.get(`${path}${query}`)).data as { items: readonly KeyItem[] }).items;
  const idOf = async (role: string): Promise<string> => {
    const found = (await listed()).find((item) => item.role === role);
    if (found === undefined) throw new Error(`no ${role} key`);
    return found.key_id;
  };
  const patch = (keyId: string, body: object, client = tenant.admin) => client.patch(`${path}/${keyId}`, body);
  const outcome = (client: TestClient): Promise<string> => outcomeOf(server.url, client.key ?? '');
  const types = async (): Promise<string[]> =>
    (await eventsOf(server.platform, `apiKeys-${tenant.tenantId}.all`)).slice(3).map(({ type }) => type);

  it('are listed with what decides whether they work', async () => {
    const { data } = await tenant.admin.get(`${path}?tenant_id=${tenant.tenantId}&inactive_days=30`);
    expect(data).toMatchObject({ tenant_id: tenant.tenantId, inactive_days_threshold: 30, next_cursor: null });
    const [reader] = await listed();
    expect(reader).toEqual({
      key_id: expect.any(String),
      key_prefix: tenant.reader.key?.slice(0, 12),
      name: 'reader',
      role: 'reader',
      created_at: expect.stringMatching(/Z$/),
      last_used_at: null,
      expires_at: null,
      revoked_at: null,
      disabled_at: null,
      is_active: true,
      is_expired: false,
      inactive_days: 0,
      scopes: null,
    });
    const { keyId } = await keyOfDaysAgo(server.platform, tenant.tenantId, 40);
    const idle = await listed('?include_only_inactive=true&inactive_days=30');
    expect(idle.map(({ key_id: id }) => id)).toEqual([keyId]);
    expect((await tenant.admin.get(`${path}/${keyId}`)).data).toEqual(idle[0]);
  });

  it('tell when they were last used, at most five minutes behind', async () => {
    await tenant.reader.get('/v1/corpora');
    await until('the use is remembered', async () => (await listed())[0]?.last_used_at !== null);
    const uses = async () =>
      (await everyEvent(server.platform.log, ['ApiKeyUsed'])).filter(
        ({ metadata }) => metadata.tenantId === tenant.tenantId,
      ).length;
    const before = await uses();
    for (let n = 0; n < 5; n += 1) await tenant.reader.get('/v1/corpora');
    expect(await uses()).toBe(before);
  });

  it('are disabled and enabled again, which is no revocation', async () => {
    const id = await idOf('reader');
    const off = await patch(id, { active: false });
    expect([off.status, off.data]).toMatchObject([200, { is_active: false, revoked_at: null }]);
    expect(await outcome(tenant.reader)).toBe('AUTH_DISABLED_KEY');
    const on = await patch(id, { active: true });
    expect(on.data).toMatchObject({ is_active: true, disabled_at: null, last_used_at: expect.stringMatching(/Z$/) });
    expect(await outcome(tenant.reader)).toBe('200');
    expect(await types()).toEqual(['ApiKeyDeactivated', 'ApiKeyReactivated']);
  });

  it('stay revoked: nothing undoes it', async () => {
    const id = await idOf('reader');
    const revoked = await patch(id, { revoke: true });
    expect(revoked.data).toMatchObject({ is_active: false, revoked_at: expect.stringMatching(/Z$/) });
    expect(await outcome(tenant.reader)).toBe('AUTH_REVOKED_KEY');
    const undone = await patch(id, { active: true });
    expect([undone.status, undone.code]).toEqual([409, 'API_KEY_REVOKED']);
    expect((await patch(id, { revoke: true })).data).toMatchObject({
      revoked_at: (revoked.data as KeyItem).revoked_at,
    });
    expect(await outcome(tenant.reader)).toBe('AUTH_REVOKED_KEY');
    expect(await types()).toEqual(['ApiKeyRevoked']);
  });

  it('are renamed, limited and expired; null clears, and what is absent stays', async () => {
    const id = await idOf('reader');
    const body = { name: 'n', expires_at: '2020-01-01T01:00:00+01:00', scopes: { corpora: ['c1'] } };
    expect((await patch(id, body)).data).toMatchObject({
      name: 'n',
      expires_at: '2020-01-01T00:00:00.000Z',
      scopes: { corpora: ['c1'] },
      is_expired: true,
      is_active: true,
    });
    expect(await outcome(tenant.reader)).toBe('AUTH_EXPIRED_KEY');
    const cleared = await patch(id, { expires_at: null });
    expect(cleared.data).toMatchObject({ name: 'n', expires_at: null, scopes: { corpora: ['c1'] } });
    expect(await outcome(tenant.reader)).toBe('200');
    expect((await patch(id, { name: null, scopes: null })).data).toMatchObject({ name: null, scopes: null });
    expect((await patch(id, {})).status).toBe(200);
    expect(await types()).toEqual(['ApiKeyUpdated', 'ApiKeyUpdated', 'ApiKeyUpdated']);
  });

  it.each([
    ['both active and revoked', { active: true, revoke: true }, 'VALIDATION_ERROR'],
    ['an unknown field', { role: 'admin' }, 'REQUEST_VALIDATION_ERROR'],
    ['a time that is none', { expires_at: 'tomorrow' }, 'REQUEST_VALIDATION_ERROR'],
    ['an empty name', { name: '' }, 'REQUEST_VALIDATION_ERROR'],
    ['a long name', { name: 'n'.repeat(121) }, 'REQUEST_VALIDATION_ERROR'],
  ])('are not changed to %s', async (_, body, code) => {
    const refused = await patch(await idOf('reader'), body);
    expect([refused.status, refused.code]).toEqual([422, code]);
  });

  it.each([
    ['revoked', { revoke: true }],
    ['disabled', { active: false }],
    ['expired', { expires_at: '2020-01-01T00:00:00Z' }],
    ['limited', { scopes: { routes: ['read'] } }],
  ])('keep one admin key that works: the last one is not %s', async (_, body) => {
    const id = await idOf('admin');
    // Not let in for its idleness, so that it can help nobody.
    await keyOfDaysAgo(server.platform, tenant.tenantId, 100, { role: 'admin' });
    const refused = await patch(id, body);
    expect([refused.status, refused.code]).toEqual([409, 'API_KEY_LAST_ADMIN']);
    const selfServe = await tenant.admin.post(`/v1/self-serve/api-keys/${id}/revoke`);
    expect([selfServe.status, selfServe.code]).toEqual([409, 'API_KEY_LAST_ADMIN']);
    expect(await outcome(tenant.admin)).toBe('200');
    await createKey(server.platform, { tenantId: tenant.tenantId, role: 'admin', name: 'second' });
    expect((await patch(id, body)).status).toBe(200);
  });

  it("are another tenant's: 404 for each, and 403 for its list", async () => {
    const other = await server.tenant();
    const id = await idOf('reader');
    for (const foreign of [await patch(id, { revoke: true }, other.admin), await other.admin.get(`${path}/${id}`)])
      expect([foreign.status, foreign.code]).toEqual([404, 'NOT_FOUND']);
    const list = await other.admin.get(`${path}?tenant_id=${tenant.tenantId}`);
    expect([list.status, list.code]).toEqual([403, 'AUTH_FORBIDDEN']);
    expect(await outcome(tenant.reader)).toBe('200');
  });

  it('are for admins only', async () => {
    const id = await idOf('reader');
    expect((await server.anonymous.get(path)).status).toBe(401);
    expect((await patch(id, { name: 'n' }, tenant.editor)).status).toBe(403);
    expect((await tenant.reader.get(path)).status).toBe(403);
  });

  it('of a user change their role with a key that is made for that user at the command line', async () => {
    const { tenantId } = tenant;
    const first = await createKey(server.platform, { tenantId, role: 'reader', name: 'a' });
    const client = new TestClient(server.url, first.api_key);
    expect((await client.post('/v1/corpora', { id: 'x', name: 'x' })).status).toBe(403);
    await createKey(server.platform, { tenantId, role: 'editor', name: 'b', userId: first.user_id });
    await until('the role is in force', async () => {
      return (await client.post('/v1/corpora', { id: 'x', name: 'x' })).status === 201;
    });
    expect(await types()).toEqual(['ApiKeyCreated', 'ApiKeyUserChanged', 'ApiKeyCreated']);
  });
});

describe('a tenant', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());

  it('is registered once, however often it is asked for', async () => {
    const { tenantId } = await server.tenant();
    await Promise.all(Array.from({ length: 8 }, () => registerTenant(server.platform, tenantId, 'Again')));
    const events = await eventsOf(server.platform, `tenants-${tenantId}.${tenantId}`);
    expect(events.map(({ type }) => type)).toEqual(['TenantRegistered']);
  });

  it.each(['', 'Upper', 'with-dash', 'a'.repeat(65), '../x'])('is refused under the id %j', async (tenantId) => {
    await expect(registerTenant(server.platform, tenantId, 'Odd')).rejects.toThrow();
  });
});
