import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKey } from '#cli/operations/keys.js';
import { startKey } from '#cli/start-key.js';
import { TestClient, type Answer } from '#test/support/client.js';
import { everyEvent } from '#test/support/event-log.js';
import { anAddress, keyOfDaysAgo, outcomeOf } from '#test/support/keys.js';
import {
  aCorpus,
  aDocument,
  eventsOf,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import { until } from '#test/support/until.js';

/** The tests are a proxy, so that each of them has addresses of its own. */
const proxied = { TRUSTED_PROXIES: '127.0.0.1', RATE_LIMIT_ENABLED: 'false' };
const UNKNOWN = `nrgk_${'0'.repeat(32)}_${'a'.repeat(43)}`;

/** What is on record of the calls from one address. */
async function recordOf(server: TestServer, ip: string) {
  const events = await everyEvent(server.platform.accessLog);
  return events
    .filter(({ metadata }) => metadata.ipAddress === ip)
    .map(({ type, data, metadata: { tenantId, actor } }) => ({ type, data, tenantId, actor }));
}

describe('a credential', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let ip: string;
  beforeAll(async () => {
    server = await openTestServer(proxied);
    tenant = await server.tenant();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    ip = anAddress();
  });

  const call = (authorization?: string, path = '/v1/corpora'): Promise<Answer> =>
    server.anonymous.get(path, {
      'x-forwarded-for': ip,
      ...(authorization === undefined ? {} : { authorization }),
    });
  const nobody = { type: 'anonymous', id: null, role: null };

  it.each([
    ['no header', undefined],
    ['no scheme', 'nrgk_x'],
    ['another scheme', 'Basic abc'],
    ['three parts', 'Bearer a b'],
    ['an unknown key', `Bearer ${UNKNOWN}`],
    ['a session that nobody knows', 'Bearer nrgss_00000000000000000000000000000000_x'],
  ])('with %s is 401, and nobody is on record for it before the answer', async (_, authorization) => {
    const refused = await call(authorization);
    expect([refused.status, refused.code]).toEqual([401, 'AUTH_UNAUTHORIZED']);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    const data = expect.objectContaining({ code: 'AUTH_UNAUTHORIZED', path: '/v1/corpora', method: 'GET' });
    expect(await recordOf(server, ip)).toEqual([
      { type: 'AuthenticationRefused', data, tenantId: '_system', actor: nobody },
    ]);
  });

  const change = (body: object) => async (keyId: string) => {
    const { status, text } = await tenant.admin.patch(`/v1/admin/api-keys/${keyId}`, body);
    if (status !== 200) throw new Error(text);
  };

  it.each<[string, string, string, number, (keyId: string) => Promise<void>, object]>([
    ['revoked', 'AUTH_REVOKED_KEY', 'AuthenticationRefused', 0, change({ revoke: true }), {}],
    ['disabled', 'AUTH_DISABLED_KEY', 'AuthenticationRefused', 0, change({ active: false }), {}],
    ['expired', 'AUTH_EXPIRED_KEY', 'ExpiredApiKeyRefused', 0, change({ expires_at: '2020-01-01T00:00:00Z' }), {}],
    ['idle', 'AUTH_INACTIVE_KEY', 'AuthenticationRefused', 91, () => Promise.resolve(), { inactiveDaysThreshold: 90 }],
  ])('that is %s is 401 %s, on record as its own: %s', async (_, code, type, days, end, more) => {
    const { tenantId } = tenant;
    const { keyId, secret } = await keyOfDaysAgo(server.platform, tenantId, days);
    await end(keyId);
    const refused = await call(`Bearer ${secret}`);
    expect([refused.status, refused.code]).toEqual([401, code]);
    const data = expect.objectContaining({ code, ...more });
    const actor = { type: 'api_key', id: keyId, role: 'reader' };
    expect(await recordOf(server, ip)).toEqual([{ type, data, tenantId, actor }]);
  });

  it('that was idle works again once an admin activates it', async () => {
    const { keyId, secret } = await keyOfDaysAgo(server.platform, tenant.tenantId, 91);
    expect((await call(`Bearer ${secret}`)).code).toBe('AUTH_INACTIVE_KEY');
    await change({ active: true })(keyId);
    expect((await call(`Bearer ${secret}`)).status).toBe(200);
  });

  it('that works is on record in the background, with its path, its method and its user', async () => {
    const { keyId, secret } = await keyOfDaysAgo(server.platform, tenant.tenantId, 0);
    expect((await call(`bearer  ${secret}`)).status).toBe(200);
    await until('the call is on record', async () => (await recordOf(server, ip)).length > 0);
    expect(await recordOf(server, ip)).toMatchObject([
      {
        type: 'RequestAuthenticated',
        data: { path: '/v1/corpora', method: 'GET', authMode: 'api_key' },
        actor: { type: 'api_key', id: keyId },
      },
    ]);
  });

  it('that fails again and again from one address is one event with a count, not one each', async () => {
    for (let n = 0; n < 30; n += 1) await call(`Bearer ${UNKNOWN}`);
    expect((await recordOf(server, ip)).length).toBeLessThan(3);
  });

  describe('limited to networks', () => {
    it('is refused from elsewhere with 403, on record as its own', async () => {
      const scopes = { networks: ['192.0.2.0/24', '2001:db8::/32'] };
      const { keyId, secret } = await keyOfDaysAgo(server.platform, tenant.tenantId, 0, { scopes });
      const from = (address: string) =>
        server.anonymous.get('/v1/corpora', { authorization: `Bearer ${secret}`, 'x-forwarded-for': address });
      expect([(await from('192.0.2.77')).status, (await from('2001:db8:9::1')).status]).toEqual([200, 200]);
      const refused = await from(ip);
      expect([refused.status, refused.code]).toEqual([403, 'AUTH_FORBIDDEN']);
      expect(refused.body).toMatchObject({ error: { details: { scope: 'network' } } });
      const record = (await recordOf(server, ip)).filter(({ type }) => type === 'RoleRefused');
      expect(record).toMatchObject([{ data: { reason: 'network' }, actor: { id: keyId } }]);
    });
  });

  describe('limited to routes', () => {
    it('calls what its list names, by the table of endpoints or by class, and no other', async () => {
      const scopes = { routes: ['GET /v1/corpora/:corpusId', 'mutation'] };
      const { secret } = await keyOfDaysAgo(server.platform, tenant.tenantId, 0, { role: 'editor', scopes });
      const client = new TestClient(server.url, secret);
      expect((await client.post('/v1/corpora', { id: 'routes', name: 'r' })).status).toBe(201);
      expect((await client.get('/v1/corpora/routes')).status).toBe(200);
      expect((await client.get('/corpora/routes')).status).toBe(200);
      const refused = await client.get('/v1/corpora');
      expect([refused.status, refused.body]).toMatchObject([403, { error: { details: { scope: 'route' } } }]);
    });
  });

  describe('limited to corpora', () => {
    it('sees, changes, asks and resumes nothing of another corpus', async () => {
      const own = await server.tenant();
      await aCorpus(own);
      await aCorpus(own, 'c2');
      await aDocument(own, 'The kettle stands in the kitchen.', { document_id: 'd1' });
      await aDocument(own, 'The safe stands in the cellar.', { document_id: 'd2', corpus_id: 'c2' });
      const { secret } = await keyOfDaysAgo(server.platform, own.tenantId, 0, {
        role: 'editor',
        scopes: { corpora: ['c1', 'new'] },
      });
      const client = new TestClient(server.url, secret);
      const ids = async (path: string) => ((await client.get(path)).data as { id: string }[]).map(({ id }) => id);
      expect(await ids('/v1/corpora')).toEqual(['c1']);
      expect(await ids('/v1/documents')).toEqual(['d1']);
      expect(await ids('/v1/documents?corpus_id=c2')).toEqual([]);
      expect((await client.get('/v1/ui/documents')).text).not.toContain('"d2"');
      const status = async (answer: Promise<Answer>) => (await answer).status;
      expect({
        corpus: await status(client.get('/v1/corpora/c2')),
        patched: await status(client.patch('/v1/corpora/c2', { name: 'x' })),
        document: await status(client.get('/v1/documents/d2')),
        reindexed: await status(client.post('/v1/documents/d2/reindex')),
        deleted: await status(client.delete('/v1/documents/d2')),
        created: await status(client.post('/v1/corpora', { id: 'c3', name: 'c3' })),
        submitted: await status(client.post('/v1/documents/text', { corpus_id: 'c2', text: 'x' })),
        uploaded: await status(client.upload('/v1/documents', { corpus_id: 'c2' }, { text: 'x', type: 'text/plain' })),
        asked: (await client.ask({ session_id: 's1', corpus_id: 'c2', message: 'Where is the safe?' })).status,
      }).toEqual({
        corpus: 404,
        patched: 404,
        document: 404,
        reindexed: 404,
        deleted: 404,
        created: 403,
        submitted: 403,
        uploaded: 403,
        asked: 403,
      });
      const foreign = await own.reader.ask({ session_id: 's1', corpus_id: 'c2', message: 'Where is the safe?' });
      const first = { 'last-event-id': foreign.frames[0]?.id ?? '' };
      const question = { session_id: 's1', corpus_id: 'c1', message: 'Where is the kettle?' };
      const resumed = await client.ask(question, first);
      expect(resumed.frames.map(({ type }) => type)).toEqual(['resume.unsupported', 'done']);
      expect((await own.reader.ask(question, first)).frames.length).toBe(foreign.frames.length - 1);
      expect((await client.ask(question)).frames.at(-1)?.type).toBe('done');
      // The session has a turn about the safe, which this key must not hear of.
      expect(server.answerer.asked.at(-1)?.history).toEqual([]);
      await own.reader.ask(question);
      expect(JSON.stringify(server.answerer.asked.at(-1)?.history)).toContain('Where is the safe?');
      expect((await own.reader.get('/v1/documents/d2')).status).toBe(200);
      expect((await client.post('/v1/corpora', { id: 'new', name: 'new' })).status).toBe(201);
      const events = await everyEvent(server.platform.accessLog, ['RoleRefused']);
      const reasons = events.filter(({ metadata }) => metadata.tenantId === own.tenantId).map(({ data }) => data);
      expect(reasons).toContainEqual(expect.objectContaining({ reason: 'corpus' }));
    });
  });
});

describe('an address that fails too often', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await openTestServer({ ...proxied, AUTH_FAILURE_BURST: '5', AUTH_FAILURE_RPS: '1' });
  });
  afterAll(() => server.stop());

  it('is answered 429 and told when to come back; a valid key from there goes on, and so does its neighbour', async () => {
    const { tenantId, reader } = await server.tenant();
    const ip = anAddress();
    const headers = { 'x-forwarded-for': ip };
    const guess = (from = headers) =>
      server.anonymous.get('/v1/corpora', { ...from, authorization: `Bearer ${UNKNOWN}` });
    const answers = await Promise.all(Array.from({ length: 40 }, () => guess()));
    const unauthorized = answers.filter(({ status }) => status === 401);
    expect(unauthorized.length).toBeGreaterThanOrEqual(5);
    expect(unauthorized.length).toBeLessThan(15);
    const limited = answers.find(({ status }) => status === 429);
    expect(limited?.code).toBe('RATE_LIMITED');
    expect(limited?.body).toMatchObject({
      error: { details: { scope: 'address', retry_after_ms: expect.any(Number) } },
    });
    expect(Number(limited?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(limited?.headers.get('x-ratelimit-scope')).toBe('address');
    expect((await reader.get('/v1/corpora', headers)).status).toBe(200);
    expect((await guess({ 'x-forwarded-for': anAddress() })).status).toBe(401);
    const made = await createKey(server.platform, { tenantId, role: 'reader', name: null });
    await until(
      'a new key works from there',
      async () => (await outcomeOf(server.url, made.api_key, headers)) === '200',
    );
    const types = (await recordOf(server, ip)).map(({ type }) => type);
    expect(types).toContain('RequestRateLimited');
    expect(types.filter((type) => type === 'AuthenticationRefused').length).toBeLessThan(3);
    await until('it may try again', async () => (await guess()).status === 401);
  });
});

describe('the key that `start` shows', () => {
  it('is the same at every start, and another one when it was not used for too long', async () => {
    const server = await openTestServer();
    const folder = await mkdtemp(join(tmpdir(), 'nexusrag-start-'));
    try {
      const { tenantId } = await server.tenant();
      const { platform } = server;
      const first = await startKey(platform, folder, tenantId);
      expect(await startKey(platform, folder, tenantId)).toBe(first);
      const { secret } = await keyOfDaysAgo(platform, tenantId, 90, { role: 'admin' });
      const subject = { tenantId, kind: 'start-key', id: 'admin' };
      await writeFile(join(folder, 'start-key.sealed'), await platform.sealer.seal(subject, secret, 'start-key'));
      await until('the idle key is listed', async () => (await outcomeOf(server.url, secret)) === 'AUTH_INACTIVE_KEY');
      await until('it is replaced', async () => (await startKey(platform, folder, tenantId)) !== secret);
      expect(await outcomeOf(server.url, await startKey(platform, folder, tenantId))).toBe('200');
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('the pepper', () => {
  it('takes keys that were hashed without it, and hashes them anew at their next use', async () => {
    const server = await openTestServer({ AUTH_KEY_PEPPER: 'a pepper that is long enough to be one' });
    try {
      const { tenantId, reader } = await server.tenant();
      expect((await reader.get('/v1/corpora')).status).toBe(200);
      const { keyId, secret } = await keyOfDaysAgo(server.platform, tenantId, 0);
      expect(await outcomeOf(server.url, secret)).toBe('200');
      const rehashed = async () =>
        (await eventsOf(server.platform, `apiKeys-${tenantId}.all`)).filter(({ type }) => type === 'ApiKeyRehashed');
      await until('the key is hashed anew', async () => (await rehashed()).length > 0);
      expect((await rehashed())[0]?.data).toMatchObject({ keyId });
      for (let n = 0; n < 3; n += 1) expect(await outcomeOf(server.url, secret)).toBe('200');
      expect(await rehashed()).toHaveLength(1);
    } finally {
      await server.stop();
    }
  });
});

describe('the bypass of development', () => {
  it('takes the tenant and the role from headers; a key still wins', async () => {
    const server = await openTestServer({ AUTH_DEV_BYPASS: 'true' });
    try {
      const { tenantId, editor } = await server.tenant();
      const as = (headers: Record<string, string>, path = '/v1/corpora') => server.anonymous.get(path, headers);
      expect((await as({})).code).toBe('AUTH_UNAUTHORIZED');
      expect((await as({ 'x-tenant-id': tenantId, 'x-role': 'owner' })).code).toBe('AUTH_INVALID_ROLE');
      expect((await as({ 'x-tenant-id': tenantId, 'x-role': 'Reader' })).status).toBe(200);
      expect((await as({ 'x-tenant-id': tenantId, 'x-role': 'reader' }, '/v1/audit/events')).status).toBe(403);
      expect((await as({ 'x-tenant-id': tenantId }, '/v1/admin/api-keys')).status).toBe(200);
      const key = { 'x-tenant-id': 'another', 'x-role': 'admin' };
      expect((await editor.post('/v1/corpora', { id: 'mine', name: 'n' }, key)).data).toMatchObject({
        tenant_id: tenantId,
      });
    } finally {
      await server.stop();
    }
  });

  it('is off: without AUTH_ENABLED no key is taken, not even a valid one', async () => {
    const server = await openTestServer({ AUTH_ENABLED: 'false' });
    try {
      const { reader } = await server.tenant();
      expect((await reader.get('/v1/corpora')).code).toBe('AUTH_UNAUTHORIZED');
    } finally {
      await server.stop();
    }
  });
});

describe('the header of the credential', () => {
  it('may have another name', async () => {
    const server = await openTestServer({ AUTH_API_KEY_HEADER: 'X-Api-Key' });
    try {
      const { reader } = await server.tenant();
      expect((await reader.get('/v1/corpora')).code).toBe('AUTH_UNAUTHORIZED');
      const header = { 'x-api-key': `Bearer ${reader.key ?? ''}` };
      expect((await server.anonymous.get('/v1/corpora', header)).status).toBe(200);
    } finally {
      await server.stop();
    }
  });
});
