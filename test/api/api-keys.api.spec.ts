import { createKey, registerTenant } from '#cli/operations/keys.js';
import { aCorpus, eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { TestClient } from '#test/support/client.js';
import { until } from '#test/support/until.js';
import { everyEvent } from '#test/support/event-log.js';

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
    const expiresAt = new Date(Date.now() + 500).toISOString();
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
    const events = JSON.stringify(await eventsOf(server.platform, `apiKeys-${tenant.tenantId}.keys`));
    const all = JSON.stringify(await everyEvent(server.platform.log));
    for (const text of [events, all, server.lines.join('')]) {
      expect(text).not.toContain(api_key);
      expect(text).not.toContain('canary@example.org');
    }
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
