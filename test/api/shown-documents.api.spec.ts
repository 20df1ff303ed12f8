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
  const textOf = (id: string) => ({ corpus_id: 'c1', document_id: id, text: `The kettle of ${id} is green.` });

  async function handIn(id: string): Promise<string> {
    const answer = await tenant.editor.post('/v1/documents/text', textOf(id));
    expect(answer.status).toBe(202);
    expect(answer.headers.get('x-log-position')).toMatch(/^\d+/);
    return id;
  }

  async function handInMany(name: string): Promise<readonly string[]> {
    const ids: string[] = [];
    for (let at = 0; at < TIMES; at += 1) ids.push(await handIn(`${name}-${at}`));
    return ids;
  }

  it('is read by its id, by whose it is', async () => {
    for (let at = 0; at < TIMES; at += 1) {
      const id = await handIn(`read-${at}`);
      expect((await tenant.editor.get(`/v1/documents/${id}`)).status).toBe(200);
    }
  });

  it('is in the lists', async () => {
    const ids = await handInMany('listed');
    const listed = await tenant.editor.get('/v1/documents?limit=200');
    expect((listed.data as { id: string }[]).map(({ id }) => id)).toEqual(expect.arrayContaining([...ids]));
    const more = await handInMany('listed-again');
    const ui = await tenant.editor.get('/v1/ui/documents?limit=100');
    const { items } = ui.data as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual(expect.arrayContaining([...more]));
  });

  it('can be changed at once, and is known when it comes again', async () => {
    const id = await handIn('changed');
    const changed = await tenant.editor.patch(`/v1/documents/${id}`, { labels: { kind: 'kettle' } });
    expect(changed.status).toBe(200);
    expect(changed.data).toMatchObject({ labels: { kind: 'kettle' } });
    const again = await tenant.editor.post('/v1/documents/text', textOf(id));
    expect(again.status).toBe(200);
  });

  it('is nobody else’s', async () => {
    const id = await handIn('own');
    expect((await tenant.reader.get(`/v1/documents/${id}`)).status).toBe(403);
    const other = await server.tenant();
    expect((await other.admin.get(`/v1/documents/${id}`)).status).toBe(404);
  });
});
