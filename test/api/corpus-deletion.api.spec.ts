import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const text = 'The kettle of the office is green. It whistles when the water boils.';

describe('the deletion of a corpus', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
  }, 240_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
  });

  const listed = async (path: string): Promise<readonly { readonly id: string }[]> =>
    ((await tenant.admin.get(path)).data ?? []) as { id: string }[];
  const ask = async (corpusId: string) =>
    (await tenant.reader.ask({ session_id: 's1', corpus_id: corpusId, message: 'Which colour has the kettle?' }))
      .frames;
  const search = (corpusId: string) => tenant.reader.post('/v1/search', { corpus_id: corpusId, query: 'kettle' });
  const emptied = (corpusId = 'c1') =>
    until('the id is free again', async () => {
      const { status } = await tenant.editor.post('/v1/corpora', { id: corpusId, name: 'Again' });
      return status === 201;
    });
  const left = async (): Promise<number> => {
    const rows = await server.platform.database.query<{ n: number }>(
      'select count(*)::int as n from retrieval.version v join retrieval.scope s using (scope_no) where s.tenant_id = $1',
      [tenant.tenantId],
    );
    return rows[0]?.n ?? 0;
  };
  const audited = async (): Promise<readonly string[]> => {
    const { data } = await tenant.admin.get('/v1/audit/events?limit=200&resource_type=corpus');
    return (data as { items: { event_type: string }[] }).items.map(({ event_type: type }) => type);
  };

  it('takes it out of every list, search and answer at once, and its documents go after it', async () => {
    const id = await aDocument(tenant, text);
    await aCorpus(tenant, 'other');
    const deleted = await tenant.admin.delete('/v1/corpora/c1');
    expect({ status: deleted.status, text: deleted.text }).toEqual({ status: 204, text: '' });
    expect((await listed('/v1/corpora')).map((corpus) => corpus.id)).toEqual(['other']);
    expect(await tenant.reader.get('/v1/corpora/c1')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(((await tenant.reader.get('/v1/models')).body as { data: { id: string }[] }).data.map((m) => m.id)).toEqual([
      'other',
    ]);
    expect(await search('c1')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect((await ask('c1')).find(({ type }) => type === 'error')?.data).toMatchObject({
      code: 'RETRIEVAL_CONFIG_INVALID',
    });
    const late = await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text });
    expect(late).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    await until('no document of it is left', async () => (await listed('/v1/documents')).length === 0);
    await until('no chunk of it is left', async () => (await left()) === 0);
    expect((await tenant.reader.get(`/v1/documents/${id}`)).status).toBe(404);
    await until('all is told', async () => (await audited()).includes('corpora.emptied'));
    expect(await audited()).toContain('corpora.deleted');
  });

  it('gives the id to another corpus when nothing is left, which knows nothing of what was there', async () => {
    await aDocument(tenant, text);
    await tenant.admin.delete('/v1/corpora/c1');
    const early = await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'Again' });
    expect([201, 409]).toContain(early.status);
    if (early.status === 409) {
      expect(early.code).toBe('CORPUS_DELETION_IN_PROGRESS');
      await emptied();
    }
    expect(await search('c1')).toMatchObject({ status: 200, data: { passages: [] } });
    await aDocument(tenant, 'The kettle is blue now.');
    expect((await ask('c1')).find(({ type }) => type === 'message.final')?.data).toMatchObject({
      text: expect.stringContaining('blue'),
    });
  });

  it('leaves no document of those that are handed in while it happens', async () => {
    const submit = (at: number) =>
      tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', document_id: `d${at}`, text: `${text} ${at}` });
    const first = Array.from({ length: 8 }, (_, at) => submit(at));
    await first[0];
    const rest = Array.from({ length: 8 }, (_, at) => submit(8 + at));
    const deleted = tenant.admin.delete('/v1/corpora/c1');
    const statuses = (await Promise.all([...first, ...rest])).map(({ status }) => status);
    expect((await deleted).status).toBe(204);
    expect(statuses.filter((status) => ![202, 404].includes(status))).toEqual([]);
    await emptied();
    await until('no document is left', async () => (await listed('/v1/documents')).length === 0);
    await until('no chunk is left', async () => (await left()) === 0);
    expect(await search('c1')).toMatchObject({ status: 200, data: { passages: [] } });
  });

  it('is answered again under its Idempotency-Key, and with 404 without one', async () => {
    const key = { 'idempotency-key': 'delete-1' };
    expect((await tenant.admin.delete('/v1/corpora/c1', key)).status).toBe(204);
    const again = await tenant.admin.delete('/v1/corpora/c1', key);
    expect(again.status).toBe(204);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await tenant.admin.delete('/v1/corpora/c1')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });

  it('is for admins of its own tenant: 403, 401 and another tenant’s 404', async () => {
    expect(await tenant.editor.delete('/v1/corpora/c1')).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
    expect((await server.anonymous.delete('/v1/corpora/c1')).status).toBe(401);
    const stranger = await server.tenant();
    expect(await stranger.admin.delete('/v1/corpora/c1')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect((await tenant.reader.get('/v1/corpora/c1')).status).toBe(200);
  });
});
