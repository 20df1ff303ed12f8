import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

interface AuditEvent {
  readonly id: string;
  readonly event_type: string;
  readonly occurred_at: string;
  readonly position: string;
  readonly request_id: string | null;
  readonly actor_id: string | null;
}

interface AuditPage {
  readonly items: readonly AuditEvent[];
  readonly next_offset: number | null;
  readonly next_cursor: string | null;
}

describe('the audit log of a tenant', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
  });

  async function list(query = ''): Promise<AuditPage> {
    const { status, data, text } = await tenant.admin.get(`/v1/audit/events${query}`, await upToNow());
    if (status !== 200) throw new Error(text);
    return data as AuditPage;
  }

  async function upToNow(): Promise<Record<string, string>> {
    return { 'x-min-position': (await server.platform.log.head()) ?? '' };
  }

  const typesOf = ({ items }: AuditPage): string[] => items.map((event) => event.event_type);

  it('shows each step with who did it, under which request, newest first', async () => {
    await tenant.editor.patch('/v1/corpora/c1', { name: 'Two' }, { 'x-request-id': 'req-7', 'user-agent': 'a test' });
    const { items } = await list('?resource_type=corpus');
    expect(items[0]).toEqual({
      id: expect.any(String),
      occurred_at: expect.stringMatching(/Z$/),
      tenant_id: tenant.tenantId,
      actor_type: 'api_key',
      actor_id: expect.any(String),
      actor_role: 'editor',
      event_type: 'corpora.updated',
      outcome: 'success',
      resource_type: 'corpus',
      resource_id: 'c1',
      request_id: 'req-7',
      ip_address: '127.0.0.1',
      user_agent: 'a test',
      metadata_json: { name: 'Two' },
      error_code: null,
      created_at: items[0]?.occurred_at,
      log: 'domain',
      position: expect.stringMatching(/^\d{20}/),
      stream: expect.stringMatching(/^corpora-/),
      revision: 2,
    });
    expect(typesOf(await list())).toContain('auth.api_key.created');
    expect(await tenant.admin.get(`/v1/audit/events/${items[0]?.id}`)).toMatchObject({ status: 200, data: items[0] });
  });

  it('tells the life of a document and of a run, without their texts', async () => {
    const id = await aDocument(tenant, 'The canary-81 is green.');
    await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message: 'Where is canary-81?' });
    await tenant.editor.delete(`/v1/documents/${id}`);
    const page = await list();
    expect(typesOf(page)).toEqual(
      expect.arrayContaining(['documents.ingest.enqueued', 'documents.deleted', 'run.invoked', 'run.completed']),
    );
    expect(JSON.stringify(page)).not.toContain('canary-81');
    const deleted = await list(`?event_type=documents.deleted&resource_id=${id}`);
    expect(typesOf(deleted)).toEqual(['documents.deleted']);
  });

  it('shows no credential that somebody wrote into a name', async () => {
    await tenant.editor.patch('/v1/corpora/c1', { name: 'Bearer canary-123 of nrgk_canary' });
    const page = await list('?resource_type=corpus&limit=1');
    expect(page.items[0]).toMatchObject({ metadata_json: { name: 'Bearer *** of nrg***' } });
    const { rows } = await storedNames();
    expect(rows).not.toContain('canary');
  });

  /** The rows of the tenant as the table holds them. */
  async function storedNames(): Promise<{ rows: string }> {
    const rows = await server.platform.database.query('select * from read.audit_events_v2 where tenant_id = $1', [
      tenant.tenantId,
    ]);
    return { rows: JSON.stringify(rows) };
  }

  it('is filtered by each of its fields', async () => {
    await tenant.editor.patch('/v1/corpora/c1', { name: 'Two' }, { 'x-request-id': 'req-9' });
    const [newest] = (await list('?resource_type=corpus')).items;
    expect(typesOf(await list('?request_id=req-9'))).toContain('corpora.updated');
    expect(typesOf(await list('?resource_type=corpus'))).toEqual([
      'corpora.updated',
      'corpora.embedding.chosen',
      'corpora.created',
    ]);
    expect(typesOf(await list('?outcome=failure'))).toEqual([]);
    expect(typesOf(await list(`?actor_id=${newest?.actor_id}&resource_type=corpus`))).toHaveLength(3);
    expect(typesOf(await list('?actor_id=somebody'))).toEqual([]);
    expect(typesOf(await list('?actor_type=anonymous'))).toEqual([]);
    expect(typesOf(await list('?error_code=NO_SUCH_CODE'))).toEqual([]);
    expect(typesOf(await list(`?from=${newest?.occurred_at}&resource_type=corpus`))).toContain('corpora.updated');
    expect(typesOf(await list(`?to=2020-01-01T00:00:00.000Z`))).toEqual([]);
    expect(typesOf(await list(`?event_type=corpora.%25`))).toEqual([]);
    expect((await list(`?tenant_id=${tenant.tenantId}`)).items.length).toBeGreaterThan(0);
  });

  it('shows itself as it was at a position and at an instant', async () => {
    const [created] = (await list('?resource_type=corpus')).items;
    await tenant.editor.patch('/v1/corpora/c1', { name: 'Two' });
    expect(typesOf(await list('?resource_type=corpus'))).toEqual([
      'corpora.updated',
      'corpora.embedding.chosen',
      'corpora.created',
    ]);
    expect(typesOf(await list(`?resource_type=corpus&as_of=${created?.position}`))).toEqual([
      'corpora.embedding.chosen',
      'corpora.created',
    ]);
    const before = new Date(Date.parse(created?.occurred_at ?? '') - 1).toISOString();
    expect(typesOf(await list(`?resource_type=corpus&as_of=${before}`))).toEqual([]);
    expect((await tenant.admin.get('/v1/audit/events?as_of=yesterday')).status).toBe(422);
  });

  it('is paged by cursor and by offset, and a page does not move when something is added', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await tenant.editor.patch('/v1/corpora/c1', { name });
    const whole = (await list('?resource_type=corpus')).items.map(({ id }) => id);
    const first = await list('?resource_type=corpus&limit=2');
    await tenant.editor.patch('/v1/corpora/c1', { name: 'later' });
    const cursor = encodeURIComponent(first.next_cursor ?? '');
    const second = await list(`?resource_type=corpus&limit=2&cursor=${cursor}`);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(whole.slice(0, 4));
    expect(first.next_offset).toBe(2);
    const byOffset = await list('?resource_type=corpus&limit=2&offset=1');
    expect(byOffset.items.map(({ id }) => id)).toEqual(whole.slice(0, 2));
    expect((await tenant.admin.get(`/v1/audit/events?limit=2&cursor=${cursor}`)).status).toBe(400);
    for (const wrong of ['limit=0', 'limit=201', 'limit=x', 'offset=-1', 'offset=10001', `offset=${2n ** 63n}`])
      expect((await tenant.admin.get(`/v1/audit/events?${wrong}`)).status).toBe(422);
  });

  it('is seen by nobody but an admin of the tenant', async () => {
    const other = await server.tenant();
    const [event] = (await list('?resource_type=corpus')).items;
    for (const path of [
      'events',
      `events/${event?.id}`,
      `events/${event?.id}/proof`,
      'events/export',
      'checkpoint',
      'consistency?from=1',
    ]) {
      expect(await server.anonymous.get(`/v1/audit/${path}`)).toMatchObject({ status: 401 });
      for (const client of [tenant.reader, tenant.editor])
        expect(await client.get(`/v1/audit/${path}`)).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
    }
    for (const path of [`events/${event?.id}`, `events/${event?.id}/proof`, 'events/none'])
      expect(await other.admin.get(`/v1/audit/${path}`)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    for (const path of ['events?', 'events/export?', `events/${event?.id}?`])
      for (const asked of [tenant.tenantId, '_system'])
        expect(await other.admin.get(`/v1/audit/${path}tenant_id=${asked}`)).toMatchObject({
          status: 403,
          code: 'AUTH_FORBIDDEN',
        });
    const theirs = (await other.admin.get('/v1/audit/events', await upToNow())).data as AuditPage;
    expect(theirs.items.map(({ id }) => id)).not.toContain(event?.id);
  });

  it('proves that an event is under a signed checkpoint, and that a newer one extends an older one', async () => {
    const [event] = (await list('?resource_type=corpus')).items;
    await until(
      'the event is sealed',
      async () => (await tenant.admin.get(`/v1/audit/events/${event?.id}/proof`)).status === 200,
    );
    const proof = (await tenant.admin.get(`/v1/audit/events/${event?.id}/proof`)).data as Record<string, unknown>;
    expect(proof).toMatchObject({ index: expect.any(Number), leaf: expect.any(String), path: expect.any(Array) });
    expect(String(proof['text'])).toContain(String(proof['checkpoint']).split('\n')[0]);
    const checkpoint = (await tenant.admin.get('/v1/audit/checkpoint')).data as Record<string, unknown>;
    expect(checkpoint).toMatchObject({ size: expect.any(Number), root: expect.any(String), vkey: expect.any(String) });
    expect(Number(checkpoint['size'])).toBeGreaterThan(Number(proof['index']));
    const consistency = await tenant.admin.get('/v1/audit/consistency?from=1');
    expect(consistency).toMatchObject({ status: 200, data: { from: 1 } });
    for (const query of ['', '?from=-1', '?from=x'])
      expect((await tenant.admin.get(`/v1/audit/consistency${query}`)).status).toBe(422);
    const beyond = await tenant.admin.get('/v1/audit/consistency?from=1&to=99999999');
    expect([409, 422]).toContain(beyond.status);
    const reversed = await tenant.admin.get('/v1/audit/consistency?from=3&to=1');
    expect([409, 422]).toContain(reversed.status);
  });
});
