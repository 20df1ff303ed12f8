import { openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

describe('the corpora of a tenant', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  const local = { retrieval: { provider: 'local_pgvector', top_k_default: 5 } };

  it('are created with 201, listed and read with 200, in the envelope and with the request id', async () => {
    const { editor, reader, tenantId } = tenant;
    const created = await editor.post('/v1/corpora', { id: 'c1', name: 'One' }, { 'x-request-id': 'mine-1' });
    expect(created.status).toBe(201);
    expect(created.headers.get('x-request-id')).toBe('mine-1');
    expect(created.body).toEqual({
      data: {
        id: 'c1',
        tenant_id: tenantId,
        name: 'One',
        provider_config_json: local,
        embedding: {
          provider: 'hashing',
          model: 'hashing-v1',
          dimension: 384,
          status: 'ready',
          next: null,
          failure: null,
        },
        created_at: expect.any(String),
      },
      meta: { request_id: 'mine-1', api_version: 'v1' },
    });
    const read = await reader.get('/v1/corpora/c1');
    expect(read).toMatchObject({ status: 200, data: created.data });
    expect((created.data as { created_at: string }).created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await reader.get('/v1/corpora')).toMatchObject({
      status: 200,
      data: [created.data],
      body: { meta: { page: { next_cursor: null, has_more: false } } },
    });
  });

  it('are changed by what a patch names, and by nothing else', async () => {
    const { editor } = tenant;
    await editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    const bedrock = { retrieval: { provider: 'aws_bedrock_kb', knowledge_base_id: 'k', region: 'r', mine: 1 } };
    expect(await editor.patch('/v1/corpora/c1', { provider_config_json: bedrock })).toMatchObject({
      status: 200,
      data: { name: 'One', provider_config_json: { retrieval: { ...bedrock.retrieval, top_k_default: 5 } } },
    });
    expect(await editor.patch('/v1/corpora/c1', { name: 'Two' })).toMatchObject({
      status: 200,
      data: { name: 'Two', provider_config_json: bedrock },
    });
    expect(await editor.patch('/v1/corpora/c1', {})).toMatchObject({ status: 200, data: { name: 'Two' } });
    expect(await editor.get('/v1/corpora/c1')).toMatchObject({ data: { name: 'Two', provider_config_json: bedrock } });
  });

  it.each([
    ['without a name', { id: 'c9' }],
    ['with a name of the wrong type', { id: 'c9', name: 7 }],
    ['with an unknown field', { id: 'c9', name: 'n', secret_field: 'hunter2' }],
    ['with an id that is a path', { id: '../../hunter2', name: 'n' }],
    ['with an unknown provider', { id: 'c9', name: 'n', provider_config_json: { retrieval: { provider: 'hunter2' } } }],
    ['with a boolean where a number belongs', providers({ provider: 'local_pgvector', top_k_default: true })],
    ['with too large a number of passages', providers({ provider: 'local_pgvector', top_k_default: 51 })],
    ['without the fields of their provider', providers({ provider: 'gcp_vertex', project: 'hunter2' })],
    ['with a provider that is a property of every object', providers({ provider: 'constructor' })],
  ])('are refused with 422 %s, and the answer does not repeat the input', async (_, body) => {
    const refused = await tenant.editor.post('/v1/corpora', body);
    expect(refused.status).toBe(422);
    expect(['REQUEST_VALIDATION_ERROR', 'VALIDATION_ERROR']).toContain(refused.code);
    expect(refused.text).not.toContain('hunter2');
    expect(await tenant.reader.get('/v1/corpora')).toMatchObject({ data: [] });
  });

  it.each([
    ['malformed JSON', '{"id": hunter2', 'application/json', 422],
    ['an array', '["hunter2"]', 'application/json', 422],
    ['a JSON text with another type', '{"id":"c1","name":"n"}', 'text/plain', 415],
    ['no JSON at all', 'id=c1&name=hunter2', 'application/x-www-form-urlencoded', 415],
  ])('refuse %s', async (_, text, type, status) => {
    const refused = await tenant.editor.call('POST', '/v1/corpora', text, { 'content-type': type });
    expect(refused.status).toBe(status);
    expect(refused.code).toBe(status === 415 ? 'UNSUPPORTED_MEDIA_TYPE' : 'REQUEST_VALIDATION_ERROR');
    expect(refused.text).not.toContain('hunter2');
  });

  it('refuse an explicit null in a patch with 422, not with a fault', async () => {
    await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    for (const body of [{ name: null }, { provider_config_json: null }, { nme: 'x' }])
      expect(await tenant.editor.patch('/v1/corpora/c1', body)).toMatchObject({
        status: 422,
        code: 'REQUEST_VALIDATION_ERROR',
      });
  });

  it('answer 409 to an id that is taken, and keep what was there', async () => {
    await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    const again = await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'Other' });
    expect(again).toMatchObject({ status: 409, code: 'CONFLICT' });
    expect(await tenant.reader.get('/v1/corpora/c1')).toMatchObject({ data: { name: 'One' } });
  });

  it('are created once when sixteen callers ask at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, at) => tenant.editor.post('/v1/corpora', { id: 'c1', name: `n${at}` })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 15 }, () => 409)]);
  });

  it('answer 401 without a key, and say which scheme they take', async () => {
    const { anonymous } = server;
    for (const refused of [
      await anonymous.get('/v1/corpora'),
      await anonymous.post('/v1/corpora', { id: 'c1', name: 'n' }),
      await anonymous.call('POST', '/v1/corpora', '{ not json'),
    ]) {
      expect(refused).toMatchObject({ status: 401, code: 'AUTH_UNAUTHORIZED' });
      expect(refused.headers.get('www-authenticate')).toBe('Bearer');
      expect(refused.headers.get('x-request-id')).toBeTruthy();
    }
  });

  it('answer 403 to a role that may only read', async () => {
    await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    for (const refused of [
      await tenant.reader.post('/v1/corpora', { id: 'c2', name: 'n' }),
      await tenant.reader.patch('/v1/corpora/c1', { name: 'n' }),
      await tenant.reader.call('PATCH', '/v1/corpora/c1', '{ not json'),
    ])
      expect(refused).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
  });

  it("answer 404 for another tenant's id, exactly as for one that nobody has", async () => {
    const other = await server.tenant();
    await other.editor.post('/v1/corpora', { id: 'theirs', name: 'Theirs' });
    const missing = await tenant.editor.get('/v1/corpora/nobodys');
    for (const refused of [
      await tenant.editor.get('/v1/corpora/theirs'),
      await tenant.editor.patch('/v1/corpora/theirs', { name: 'mine' }),
    ]) {
      expect(refused.status).toBe(404);
      expect((refused.body as { error: unknown }).error).toEqual((missing.body as { error: unknown }).error);
    }
    expect(await tenant.reader.get('/v1/corpora')).toMatchObject({ data: [] });
    expect(await other.reader.get('/v1/corpora/theirs')).toMatchObject({ data: { name: 'Theirs' } });
  });

  it('answer a repeated Idempotency-Key with the same bytes and the same request id, and do nothing again', async () => {
    const key = { 'idempotency-key': ' create-1 ' };
    const first = await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' }, key);
    const again = await tenant.editor.post('/v1/corpora', { name: 'One', id: 'c1' }, { 'idempotency-key': 'create-1' });
    expect(first.status).toBe(201);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(again.text).toBe(first.text);
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    for (const name of ['x-request-id', 'content-type', 'x-log-position'])
      expect(again.headers.get(name)).toBe(first.headers.get(name));
    const other = await tenant.editor.post('/v1/corpora', { id: 'c2', name: 'One' }, key);
    expect(other).toMatchObject({ status: 409, code: 'IDEMPOTENCY_KEY_CONFLICT' });
    expect(await tenant.admin.post('/v1/corpora', { id: 'c3', name: 'Three' }, key)).toMatchObject({ status: 201 });
  });

  it('are made once by eight twins under one Idempotency-Key, who all get the same answer', async () => {
    const twins = await Promise.all(
      Array.from({ length: 8 }, () =>
        tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' }, { 'idempotency-key': 'twin' }),
      ),
    );
    expect(new Set(twins.map(({ text }) => text)).size).toBe(1);
    expect(twins.every(({ status }) => status === 201)).toBe(true);
  });

  it('refuse a blank Idempotency-Key with 400 and a long one with 422', async () => {
    const body = { id: 'c1', name: 'One' };
    const blank = await tenant.editor.post('/v1/corpora', body, { 'idempotency-key': '   ' });
    expect(blank).toMatchObject({ status: 400, code: 'IDEMPOTENCY_KEY_INVALID' });
    const long = await tenant.editor.post('/v1/corpora', body, { 'idempotency-key': 'k'.repeat(129) });
    expect(long).toMatchObject({ status: 422, code: 'REQUEST_VALIDATION_ERROR' });
  });

  it('are paged by a cursor that meets each once, with a link, and refuse a foreign cursor', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) await tenant.editor.post('/v1/corpora', { id, name: id });
    const seen: string[] = [];
    let path: string | undefined = '/v1/corpora?limit=2';
    while (path !== undefined) {
      const page = await tenant.reader.get(path);
      seen.push(...(page.data as { id: string }[]).map(({ id }) => id));
      const link = page.headers.get('link');
      const { page: meta } = (page.body as { meta: { page: { next_cursor: string | null; has_more: boolean } } }).meta;
      expect(meta.has_more).toBe(link !== null);
      path = link === null ? undefined : /<([^>]+)>; rel="next"/.exec(link)?.[1];
      if (path !== undefined) expect(path).toContain(encodeURIComponent(meta.next_cursor ?? ''));
    }
    expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
    const other = await server.tenant();
    const page = await tenant.reader.get('/v1/corpora?limit=2');
    const { next_cursor } = (page.body as { meta: { page: { next_cursor: string } } }).meta.page;
    for (const cursor of [encodeURIComponent(next_cursor), 'garbage'])
      expect((await other.reader.get(`/v1/corpora?cursor=${cursor}`)).status).toBe(400);
    for (const limit of ['0', '1001', 'x', '1.5'])
      expect((await tenant.reader.get(`/v1/corpora?limit=${limit}`)).status).toBe(422);
  });

  it('answer without an envelope under the old address, with the date of its end', async () => {
    const created = await tenant.editor.post('/corpora', { id: 'c1', name: 'One' }, { 'idempotency-key': 'ignored' });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ id: 'c1', name: 'One' });
    const again = await tenant.editor.post('/corpora', { id: 'c1', name: 'One' }, { 'idempotency-key': 'ignored' });
    expect(again).toMatchObject({ status: 409, body: { detail: { code: 'CONFLICT' } } });
    const list = await tenant.reader.get('/corpora');
    expect(list.body).toEqual([expect.objectContaining({ id: 'c1' })]);
    for (const { headers } of [created, again, list, await tenant.reader.get('/corpora/none')]) {
      expect(headers.get('deprecation')).toBe('true');
      expect(headers.get('sunset')).toBe('Sun, 10 May 2026 00:00:00 GMT');
      expect(headers.get('link')).toContain('</v1/docs>; rel="successor-version"');
    }
    expect((await tenant.reader.get('/v1/corpora')).headers.get('deprecation')).toBeNull();
  });

  it('answer 405 with the methods that they take', async () => {
    const refused = await tenant.admin.call('PUT', '/v1/corpora/c1', {});
    expect(refused).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' });
    expect(refused.headers.get('allow')).toBe('DELETE, GET, PATCH');
  });

  it('show a write at once to the next reader, also by the position it answered with', async () => {
    const created = await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    const position = created.headers.get('x-log-position') ?? '';
    expect(position).toMatch(/^\d{20}/);
    const read = await tenant.reader.get('/v1/corpora/c1', { 'x-min-position': position });
    expect(read.status).toBe(200);
  });
});

function providers(retrieval: object): object {
  return { id: 'c9', name: 'n', provider_config_json: { retrieval } };
}
