import { aCorpus, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

/** Whoever hands a document in does not wait until it is shown: whoever looks for it does. */
describe('a document that was handed in a moment ago', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    // Whose document it is is said by its permissions, which are a read model of their own.
    server = await openTestServer({ AUTHZ_SHARE_NEW_DOCUMENTS: 'false' });
    tenant = await server.tenant();
    await aCorpus(tenant);
  });
  afterAll(() => server.stop());

  const TIMES = 20;

  async function handedIn(name: string, times = TIMES): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let at = 0; at < times; at += 1) {
      const body = { corpus_id: 'c1', document_id: `${name}-${at}`, text: `The kettle ${at} of ${name} is green.` };
      const answer = await tenant.editor.post('/v1/documents/text', body);
      expect(answer.status).toBe(202);
      expect(answer.headers.get('x-log-position')).toMatch(/^\d+/);
      ids.push(body.document_id);
      if (name === 'read') expect((await tenant.editor.get(`/v1/documents/${body.document_id}`)).status).toBe(200);
    }
    return ids;
  }

  it('is read by its id, by whose it is', async () => {
    await handedIn('read');
  });

  it('is in the lists', async () => {
    const ids = await handedIn('listed');
    const listed = await tenant.editor.get('/v1/documents?limit=200');
    expect((listed.data as { id: string }[]).map(({ id }) => id)).toEqual(expect.arrayContaining([...ids]));
    const more = await handedIn('listed-again');
    const ui = await tenant.editor.get('/v1/ui/documents?limit=100');
    const { items } = ui.data as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual(expect.arrayContaining([...more]));
  });

  it('can be changed at once, and is known when it comes again', async () => {
    const [id = ''] = await handedIn('changed', 1);
    const changed = await tenant.editor.patch(`/v1/documents/${id}`, { labels: { kind: 'kettle' } });
    expect(changed.status).toBe(200);
    expect(changed.data).toMatchObject({ labels: { kind: 'kettle' } });
    const text = 'The kettle 0 of changed is green.';
    const again = await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', document_id: id, text });
    expect(again.status).toBe(200);
  });

  it('is nobody else’s', async () => {
    const [id = ''] = await handedIn('own', 1);
    expect((await tenant.reader.get(`/v1/documents/${id}`)).status).toBe(403);
    const other = await server.tenant();
    expect((await other.admin.get(`/v1/documents/${id}`)).status).toBe(404);
  });
});
