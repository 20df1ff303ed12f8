import { AppendOutcomeUnknown } from '#infra/event-log/event-log.js';
import { openTestServer, aCorpus, type TestServer, type TestTenant } from '#test/support/server.js';
import { TestClient } from '#test/support/client.js';
import { newEvent } from '#test/replay/support.js';
import { everyEvent } from '#test/support/event-log.js';
import { until } from '#test/support/until.js';

interface Seen {
  readonly id: string;
  readonly event_type: string;
  readonly outcome: string;
  readonly tenant_id: string;
  readonly request_id: string | null;
  readonly resource_id: string | null;
  readonly error_code: string | null;
  readonly actor_type: string;
  readonly actor_id: string | null;
  readonly log: string;
  readonly metadata_json: Readonly<Record<string, unknown>>;
}

interface Page {
  readonly items: readonly Seen[];
  readonly next_cursor: string | null;
}

describe('the record of who came and who was refused', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({ AUDIT_REPEAT_WINDOW_SECONDS: '3600' });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  const page = async (query: string, client = tenant.admin): Promise<Page> => {
    const { status, data, text } = await client.get(`/v1/audit/events${query}`);
    if (status !== 200) throw new Error(text);
    return data as Page;
  };
  const seen = async (query: string, client = tenant.admin): Promise<Seen> => {
    let found: Seen | undefined;
    await until(`events of ${query} are shown`, async () => {
      [found] = (await page(query, client)).items;
      return found !== undefined;
    });
    if (found === undefined) throw new Error('not there');
    return found;
  };
  /** The refusals that are stored of a request, read from the log itself and not waited for. */
  const storedOf = async (requestId: string | null) =>
    (await everyEvent(server.platform.accessLog)).filter(
      ({ type, metadata }) => type !== 'RequestAuthenticated' && metadata.requestId === requestId,
    );

  it('shows each call that was let in, with its request id also where the client sent none', async () => {
    const { headers } = await tenant.reader.get('/v1/corpora', { 'user-agent': 'a test' });
    const requestId = headers.get('x-request-id') ?? '';
    expect(await seen(`?request_id=${requestId}`)).toMatchObject({
      event_type: 'auth.access.success',
      outcome: 'success',
      tenant_id: tenant.tenantId,
      actor_type: 'api_key',
      actor_role: 'reader',
      resource_type: 'endpoint',
      resource_id: '/v1/corpora',
      request_id: requestId,
      ip_address: '127.0.0.1',
      user_agent: 'a test',
      metadata_json: { path: '/v1/corpora', method: 'GET', auth_mode: 'api_key' },
      error_code: null,
      log: 'access',
    });
  });

  it('has a refused role on record before the refusal is answered', async () => {
    const { status, headers } = await tenant.reader.get('/v1/audit/events', { 'x-request-id': 'refused-role' });
    expect([status, headers.get('x-request-id')]).toEqual([403, 'refused-role']);
    expect(await storedOf('refused-role')).toMatchObject([{ type: 'RoleRefused', data: { code: 'AUTH_FORBIDDEN' } }]);
    expect(await seen('?event_type=rbac.forbidden&error_code=AUTH_FORBIDDEN')).toMatchObject({
      outcome: 'failure',
      error_code: 'AUTH_FORBIDDEN',
      metadata_json: { path: '/v1/audit/events', method: 'GET', required_role: 'admin', reason: 'role', count: 1 },
    });
  });

  it('writes repeated refusals of one kind once', async () => {
    for (let n = 0; n < 20; n += 1) expect((await tenant.reader.get('/v1/audit/events')).status).toBe(403);
    const stored = (await everyEvent(server.platform.accessLog, ['RoleRefused'])).filter(
      ({ metadata }) => metadata.tenantId === tenant.tenantId,
    );
    expect(stored).toHaveLength(1);
  });

  it('holds up no refusal for long while the log does not answer, and has it once when it does again', async () => {
    const { accessLog: log } = server.platform;
    const append = log.append.bind(log);
    log.append = async (...args) => {
      await append(...args);
      throw new AppendOutcomeUnknown(args[0]);
    };
    expect((await tenant.reader.get('/v1/audit/events', { 'x-request-id': 'unheard' })).status).toBe(403);
    log.append = append;
    await until('it is told of', () => server.lines.join('').includes('RoleRefused was not stored before its answer'));
    const { headers } = await tenant.reader.get('/v1/corpora');
    await seen(`?request_id=${headers.get('x-request-id')}`);
    expect(await storedOf('unheard')).toHaveLength(1);
  });

  it('shows refusals of nobody to who operates the platform, and to no tenant', async () => {
    const stranger = new TestClient(server.url, `nrgk_${'0'.repeat(32)}_${'x'.repeat(43)}`);
    expect(await stranger.get('/v1/corpora', { 'x-request-id': 'nobody' })).toMatchObject({ status: 401 });
    expect(await storedOf('nobody')).toMatchObject([
      { type: 'AuthenticationRefused', metadata: { tenantId: '_system', actor: { type: 'anonymous' } } },
    ]);
    const operator = server.operator(tenant.tenantId);
    const found = await seen('?tenant_id=_system&event_type=auth.access.failure', operator);
    expect(found).toMatchObject({ tenant_id: '_system', actor_type: 'anonymous', actor_id: null, log: 'access' });
    expect(await operator.get(`/v1/audit/events/${found.id}?tenant_id=_system`)).toMatchObject({ data: found });
    expect(await tenant.admin.get('/v1/audit/events?tenant_id=_system')).toMatchObject({ status: 403 });
    expect((await tenant.admin.get(`/v1/audit/events/${found.id}`)).status).toBe(404);
    expect((await page(`?request_id=nobody`)).items).toEqual([]);
    expect(JSON.stringify(await everyEvent(server.platform.accessLog))).not.toContain('x'.repeat(43));
  });

  it('is for plans that include it', async () => {
    const free = await server.tenant({ plan: 'none' });
    for (const path of ['events', 'events/export', 'events/x', 'events/x/proof'])
      expect(await free.admin.get(`/v1/audit/${path}`)).toMatchObject({ status: 403, code: 'FEATURE_NOT_ENABLED' });
  });

  it('is one list with what changed: pages neither repeat nor hide rows while each page adds one', async () => {
    await aCorpus(tenant);
    for (const name of ['a', 'b', 'c']) await tenant.editor.patch('/v1/corpora/c1', { name });
    await until('both kinds are shown', async () => {
      const logs = (await page('?limit=200')).items.map(({ log }) => log);
      return logs.filter((log) => log === 'access').length >= 4 && logs.filter((log) => log === 'domain').length >= 4;
    });
    const { items: whole } = await page('?limit=200&to=2100-01-01T00:00:00.000Z');
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const next: Page = await page(`?limit=3${query}`);
      paged.push(...next.items.map(({ id }) => id));
      cursor = next.next_cursor;
      await tenant.editor.patch('/v1/corpora/c1', { name: `again ${paged.length}` });
    }
    expect(new Set(paged).size).toBe(paged.length);
    expect(paged.filter((id) => whole.some((event) => event.id === id))).toEqual(whole.map(({ id }) => id));
  });

  it('refuses a cursor of another list', async () => {
    const { next_cursor } = await page('?limit=1');
    const cursor = encodeURIComponent(next_cursor ?? '');
    const other = await server.tenant();
    for (const refused of [
      await tenant.admin.get(`/v1/audit/events?limit=1&outcome=success&cursor=${cursor}`),
      await tenant.admin.get(`/v1/audit/events?limit=1&tenant_id=${tenant.tenantId}&cursor=${cursor}x`),
      await other.admin.get(`/v1/audit/events?limit=1&cursor=${cursor}`),
    ])
      expect(refused).toMatchObject({ status: 400, code: 'INVALID_CURSOR' });
  });

  it('proves that a call is under the signed checkpoint of its own log', async () => {
    const { headers } = await tenant.reader.get('/v1/corpora');
    const { id } = await seen(`?request_id=${headers.get('x-request-id')}`);
    let proof: Readonly<Record<string, unknown>> = {};
    await until('the call is sealed', async () => {
      const { status, data } = await tenant.admin.get(`/v1/audit/events/${id}/proof`);
      proof = data as typeof proof;
      return status === 200;
    });
    expect(String(proof['checkpoint'])).toMatch(/^nexusrag\/access\n/);
    const checkpoint = await tenant.admin.get('/v1/audit/checkpoint?log=access');
    expect(checkpoint.data).toMatchObject({ checkpoint: expect.stringMatching(/^nexusrag\/access\n/) });
    expect((await tenant.admin.get('/v1/audit/consistency?log=access&from=1')).status).toBe(200);
    expect((await tenant.admin.get('/v1/audit/checkpoint?log=other')).status).toBe(422);
  });

  it('keeps its projection true to its log', async () => {
    const { headers } = await tenant.reader.get('/v1/corpora');
    await seen(`?request_id=${headers.get('x-request-id')}`);
    const { text } = await server.operator('t1').post('/v1/operator/projections.verify', {
      args: { table: 'access_events' },
    });
    expect(text).toContain('"clean":true');
  });

  describe('as a file', () => {
    const download = (format: string, query = '') =>
      tenant.admin.get(`/v1/audit/events/export?format=${format}&resource_type=corpus${query}`);

    it('has every row of the list, one a line', async () => {
      await aCorpus(tenant);
      for (let n = 0; n < 5; n += 1) await tenant.editor.patch('/v1/corpora/c1', { name: `name ${n}` });
      const { items } = await page('?resource_type=corpus');
      const { status, headers, text } = await download('jsonl');
      expect([status, headers.get('content-type')]).toEqual([200, 'application/jsonl; charset=utf-8']);
      expect(headers.get('content-disposition')).toContain(`audit-events-${tenant.tenantId}.jsonl`);
      expect(
        text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual(items);
      const csv = await download('csv');
      expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      expect(csv.text.trimEnd().split('\r\n')).toHaveLength(1 + items.length);
      expect((await download('jsonl', '&outcome=failure')).text).toBe('');
      expect((await download('xml')).status).toBe(422);
    });

    it('is as long as the list is, page after page', async () => {
      const count = 1_234;
      const views = Array.from({ length: count }, (_, at) => {
        const { tenantId } = tenant;
        return { ...newEvent('PlanViewed', { path: `/${at}`, method: 'GET' }, tenantId) };
      });
      for (let at = 0; at < count; at += 1_000)
        await server.platform.accessLog.append(`access-${tenant.tenantId}.d`, views.slice(at, at + 1_000), {
          expected: 'any',
        });
      await seen('?resource_id=/1233&event_type=selfserve.plan.viewed');
      const { text } = await tenant.admin.get('/v1/audit/events/export?format=jsonl&event_type=selfserve.plan.viewed');
      const paths = text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as Seen).resource_id);
      expect(paths).toEqual(views.map((_, at) => `/${count - 1 - at}`));
    });

    it('is no formula in a spreadsheet', async () => {
      const formula = '=HYPERLINK(A1)';
      await aCorpus(tenant);
      await tenant.editor.patch('/v1/corpora/c1', { name: 'x' }, { 'user-agent': formula });
      const { text } = await download('csv');
      expect(text).toContain(`,"'${formula}",`);
      expect(text).not.toMatch(/[,\n]"?=/);
    });

    it('is itself on record', async () => {
      const { headers } = await download('csv');
      const query = `?event_type=audit.events.exported&request_id=${headers.get('x-request-id')}`;
      expect(await seen(query)).toMatchObject({ metadata_json: { path: '/v1/audit/events/export', method: 'GET' } });
    });
  });
});
