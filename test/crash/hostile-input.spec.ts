import { aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await openTestServer();
  tenant = await server.tenant();
  await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'c1' });
});

afterAll(() => server.stop());

describe('the audit log', () => {
  it.each([
    'from=2020-02-31T00:00:00Z',
    'from=0000-01-01T00:00:00Z',
    'as_of=0000-01-01T00:00:00Z',
    'as_of=%2B275760-09-13T00:00:00.000Z',
    'as_of=-271821-04-20',
  ])('refuses %s', async (query) => {
    expect((await tenant.admin.get(`/v1/audit/events?${query}`)).status).toBe(422);
  });

  it('takes the last instant that has four digits of a year', async () => {
    const { status } = await tenant.admin.get('/v1/audit/events?to=9999-12-31T23:59:59.999Z');
    expect(status).toBe(200);
  });
});

describe('half a surrogate pair', () => {
  it('in any text of a request is a replacement character', async () => {
    const asked = { session_id: 's\ud800', corpus_id: 'c1', message: '\udc00?' };
    const run = await tenant.reader.post('/v1/run', asked);
    expect([run.status, run.text.includes('"session_id":"s\ufffd"')]).toEqual([200, true]);
    const labels = { labels: { team: '\ud800' }, 'b\ud801': 1 };
    const body = { corpus_id: 'c1', document_id: 'halved', text: 'a\ud800 b', metadata_json: labels };
    expect((await tenant.editor.post('/v1/documents/text', body)).status).toBe(202);
    expect((await tenant.editor.post('/v1/documents/text', { ...body, corpus_id: '\ud800' })).status).toBe(404);
  });
});

describe('a text whose settings cut it into millions of chunks', () => {
  const text = 'a kettle stands there '.repeat(10_000);

  it.each([
    [1, 0],
    [5_000, 4_999],
    [100_000, 99_800],
  ])('of %d characters with %d in common is refused', async (chunk_size_chars, chunk_overlap_chars) => {
    const body = { corpus_id: 'c1', text, document_id: 'bomb', chunk_size_chars, chunk_overlap_chars };
    expect((await tenant.editor.post('/v1/documents/text', body)).code).toBe('CHUNKS_TOO_MANY');
    const id = await aDocument(tenant, text, { document_id: `harmless-${chunk_size_chars}` });
    const again = { chunk_size_chars, chunk_overlap_chars };
    expect((await tenant.editor.post(`/v1/documents/${id}/reindex`, again)).code).toBe('CHUNKS_TOO_MANY');
  });
});
