import { types, xlsx } from '#test/support/files.js';
import { aCorpus, ingested, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

describe('an uploaded file', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({ MAX_UPLOAD_BYTES: '2097152' });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
  });

  it.each([
    ['text/plain', 'The kettle is green.'],
    ['text/plain; charset=utf-8', 'The kettle is green.'],
    ['text/plain; charset=utf-16le', Buffer.from('The kettle is green.', 'utf16le')],
    ['text/markdown', '# Kettle\n\nThe kettle is green.'],
    ['application/json', '{"text": "The kettle is green."}'],
  ])('becomes a document as %s', async (type, text) => {
    const accepted = await tenant.editor.upload(
      '/v1/documents',
      { corpus_id: 'c1', document_id: 'doc-1' },
      { type, bytes: Buffer.from(text), name: 'kettle.any' },
    );
    expect(accepted).toMatchObject({ status: 202, data: { document_id: 'doc-1', status: 'queued' } });
    expect(await ingested(tenant.reader, 'doc-1')).toMatchObject({
      status: 'succeeded',
      filename: 'kettle.any',
      content_type: type.split(';')[0],
      ingest_source: 'upload_file',
    });
    const message = 'Which colour has the kettle?';
    const answer = await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message });
    expect(answer.text).toContain('The kettle is green.');
  });

  it('becomes a document in windows-1252 too, where it is no UTF-8 and nothing tells its charset', async () => {
    const bytes = Buffer.from('The caf\xe9 is green.', 'latin1');
    const form = { corpus_id: 'c1', document_id: 'doc-1' };
    await tenant.editor.upload('/v1/documents', form, { type: 'text/plain', bytes, name: 'cafe.txt' });
    await ingested(tenant.reader, 'doc-1');
    const message = 'Which colour has the café?';
    const answer = await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message });
    expect(answer.text).toContain('The café is green.');
  });

  const stock = [
    ['Thing', 'Metal'],
    ['samovar', 'copper'],
    ['kettle', 'steel'],
  ];
  it.each([
    ['CSV', types.csv, Buffer.from(stock.map((row) => row.join(',')).join('\n'))],
    ['XLSX', types.xlsx, xlsx(stock)],
  ])('of records answers by them as %s', async (_, type, bytes) => {
    const form = { corpus_id: 'c1', document_id: 'doc-1' };
    await tenant.editor.upload('/v1/documents', form, { type, bytes, name: 'stock' });
    await ingested(tenant.reader, 'doc-1');
    const message = 'Which metal is the samovar?';
    const answer = await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message });
    expect(answer.text).toContain('“Thing: samovar; Metal: copper” [1]');
  });

  it.each([
    ['another media type', 'application/x-hunter', 'hunter2', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['not what it says', 'application/pdf', 'hunter2', 422, 'FILE_TYPE_MISMATCH'],
    ['in an unknown charset', 'text/plain; charset=hunter2', 'abc', 422, 'CHARSET_UNKNOWN'],
    ['malformed JSON', 'application/json', '{"text": hunter2', 422, 'INGEST_VALIDATION_ERROR'],
    ['JSON without a text', 'application/json', '{"txt": "hunter2"}', 422, 'INGEST_VALIDATION_ERROR'],
    ['JSON whose text is a number', 'application/json', '{"text": 7}', 422, 'INGEST_VALIDATION_ERROR'],
    ['JSON whose text holds U+0000', 'application/json', '{"text": "hunter2\\u0000"}', 422, 'INGEST_VALIDATION_ERROR'],
    ['an empty file', 'text/plain', '', 422, 'INGEST_VALIDATION_ERROR'],
  ])('is refused when it is %s', async (_, type, text, status, code) => {
    const refused = await tenant.editor.upload('/v1/documents', { corpus_id: 'c1' }, { type, text });
    expect(refused).toMatchObject({ status, code });
    expect(refused.text).not.toContain('hunter2');
  });

  it.each([
    ['labels', '{"a": "x\\u0000y"}', 'json_invalid'],
    ['labels', '{"a": 1, "__proto__": {"b": 2}}', 'json_invalid'],
    ['labels', '{"a": hunter2}', 'json_invalid'],
    ['labels', '["hunter2"]', 'dict_type'],
    ['metadata_json', '{"k\\u0000": 1}', 'json_invalid'],
    ['metadata_json', '{"labels": {"a": "x\\u0000y"}}', 'json_invalid'],
    ['metadata_json', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, 'json_invalid'],
  ])('is refused for what a JSON body is refused for, in %s: %.40s', async (name, json, type) => {
    const file = { type: 'text/plain', text: 'The kettle is green.' };
    const refused = await tenant.editor.upload('/v1/documents', { corpus_id: 'c1', [name]: json }, file);
    expect(refused).toMatchObject({ status: 422, code: 'REQUEST_VALIDATION_ERROR' });
    expect(JSON.parse(refused.text)).toMatchObject({ error: { details: { errors: [{ type, loc: ['body', name] }] } } });
    expect(refused.text).not.toContain('hunter2');
  });

  it('has U+FFFD in its metadata where half a surrogate pair was', async () => {
    const form = {
      corpus_id: 'c1',
      document_id: 'doc-1',
      metadata_json: '{"a": "\\ud800", "labels": {"b": "\\udfff"}}',
    };
    const file = { type: 'text/plain', text: 'The kettle is green.' };
    expect((await tenant.editor.upload('/v1/documents', form, file)).status).toBe(202);
    const { data } = await tenant.reader.get('/v1/documents/doc-1');
    expect(data).toMatchObject({ metadata_json: { a: '\ufffd' }, labels: { b: '\ufffd' } });
  });

  it('is refused without a corpus, with a path as id, without the file, and cut off', async () => {
    const file = { type: 'text/plain', text: 'The kettle is green.' };
    const upload = (fields: Record<string, string>) => tenant.editor.upload('/v1/documents', fields, file);
    expect((await upload({})).status).toBe(422);
    expect((await upload({ corpus_id: 'c1', document_id: '../evil' })).status).toBe(422);
    expect((await upload({ corpus_id: 'c1', overwrite: 'perhaps' })).status).toBe(422);
    expect((await upload({ corpus_id: 'c1', tenant_id: 'other' })).status).toBe(400);
    const type = { 'content-type': 'multipart/form-data; boundary=x' };
    const noFile = '--x\r\nContent-Disposition: form-data; name="corpus_id"\r\n\r\nc1\r\n--x--\r\n';
    expect((await tenant.editor.call('POST', '/v1/documents', noFile, type)).status).toBe(422);
    const cut =
      '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: text/plain\r\n\r\nabc';
    const broken = await tenant.editor.call('POST', '/v1/documents', cut, type);
    expect([400, 422]).toContain(broken.status);
    expect((await tenant.editor.post('/v1/documents', { corpus_id: 'c1' })).status).toBe(422);
    expect((await tenant.editor.call('POST', '/v1/documents/text', noFile, type)).status).toBe(415);
  });

  it('is replayed under its Idempotency-Key only for the same bytes', async () => {
    const upload = (text: string) =>
      tenant.editor.upload(
        '/v1/documents',
        { corpus_id: 'c1' },
        { type: 'text/plain', text },
        { 'idempotency-key': 'u' },
      );
    const first = await upload('The kettle is green.');
    expect(first.status).toBe(202);
    expect((await upload('The kettle is green.')).text).toBe(first.text);
    expect(await upload('The kettle is blue.')).toMatchObject({ status: 409, code: 'IDEMPOTENCY_KEY_CONFLICT' });
  });

  it('is refused with 401 without a key and with 403 to a role that may only read', async () => {
    const file = { type: 'text/plain', text: 'x' };
    expect((await server.anonymous.upload('/v1/documents', { corpus_id: 'c1' }, file)).status).toBe(401);
    expect((await tenant.reader.upload('/v1/documents', { corpus_id: 'c1' }, file)).status).toBe(403);
  });

  it('is refused with 413 above the limit', async () => {
    const file = { type: 'text/plain', text: 'x'.repeat(3 * 1024 * 1024) };
    const refused = await tenant.editor.upload('/v1/documents', { corpus_id: 'c1' }, file);
    expect(refused).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
  });
});
