import {
  aCorpus,
  aDocument,
  ingested,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import { everyEvent } from '#test/support/event-log.js';

interface Accepted {
  readonly document_id: string;
  readonly status: string;
  readonly job_id: string;
  readonly status_url: string;
}

describe('the documents of a tenant', () => {
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

  const submit = (body: object, headers: Record<string, string> = {}) =>
    tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text: 'The kettle is green.', ...body }, headers);

  it('are accepted with 202, ingested, listed and read', async () => {
    const accepted = await submit({ document_id: 'doc-1', filename: 'kettle.txt' });
    expect(accepted.status).toBe(202);
    expect(accepted.data).toEqual({
      document_id: 'doc-1',
      status: 'queued',
      job_id: expect.any(String),
      status_url: '/v1/documents/doc-1',
    });
    const document = await ingested(tenant.reader, 'doc-1');
    expect(document).toMatchObject({
      id: 'doc-1',
      tenant_id: tenant.tenantId,
      corpus_id: 'c1',
      filename: 'kettle.txt',
      content_type: 'text/plain',
      source: 'raw_text',
      ingest_source: 'raw_text',
      status: 'succeeded',
      failure_reason: null,
      last_reindexed_at: null,
      last_job_id: (accepted.data as Accepted).job_id,
      num_chunks: 1,
    });
    for (const time of ['created_at', 'updated_at', 'queued_at', 'processing_started_at', 'completed_at'])
      expect(document[time]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await tenant.reader.get('/v1/documents?corpus_id=c1')).toMatchObject({
      status: 200,
      data: [{ id: 'doc-1', num_chunks: null }],
    });
    expect(await tenant.reader.get('/v1/documents?corpus_id=c2')).toMatchObject({ status: 200, data: [] });
  });

  it('are kept without a word only when that is asked for', async () => {
    expect(await submit({ text: '' })).toMatchObject({ status: 422, code: 'INGEST_VALIDATION_ERROR' });
    const accepted = await submit({ document_id: 'blank', text: '', allow_empty: true });
    expect(accepted.status).toBe(202);
    expect(await ingested(tenant.reader, 'blank')).toMatchObject({ status: 'succeeded', num_chunks: 0 });
  });

  it('get an id of ours when the caller names none', async () => {
    const first = (await submit({})).data as Accepted;
    const second = (await submit({})).data as Accepted;
    expect(first.document_id).not.toBe(second.document_id);
    expect(first.status_url).toBe(`/v1/documents/${first.document_id}`);
  });

  it('answer 200 to an id that is known, and take the new text only with overwrite', async () => {
    const id = await aDocument(tenant, 'The kettle is green.', { document_id: 'doc-1' });
    const [before] = (await tenant.reader.get('/v1/documents')).data as { last_job_id: string }[];
    const known = await submit({ document_id: id, text: 'The kettle is blue.' });
    expect(known).toMatchObject({ status: 200, data: { status: 'succeeded', job_id: before?.last_job_id } });
    expect(await answerAbout('kettle')).toContain('The kettle is green.');
    const anew = await submit({ document_id: id, text: 'The kettle is blue.', overwrite: true });
    expect(anew).toMatchObject({ status: 202, data: { status: 'queued' } });
    expect((anew.data as Accepted).job_id).not.toBe(before?.last_job_id);
    await ingested(tenant.reader, id);
    const text = await answerAbout('kettle');
    expect(text).toContain('The kettle is blue.');
    expect(text).not.toContain('green');
  });

  it('are one document when sixteen callers submit one id at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, at) => submit({ document_id: 'doc-1', text: `Text ${at}.` })),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(15);
    expect(new Set(answers.map(({ data }) => (data as Accepted).job_id)).size).toBe(1);
    await ingested(tenant.reader, 'doc-1');
    expect((await tenant.reader.get('/v1/documents')).data).toHaveLength(1);
  });

  it('refuse an id that belongs to another corpus of the tenant', async () => {
    await aCorpus(tenant, 'c2');
    await aDocument(tenant, 'The kettle is green.', { document_id: 'doc-1' });
    for (const overwrite of [false, true])
      expect(await submit({ document_id: 'doc-1', corpus_id: 'c2', overwrite })).toMatchObject({
        status: 409,
        code: 'CONFLICT',
      });
  });

  it('refuse a corpus that is not there, and one of another tenant, with the same 404', async () => {
    const other = await server.tenant();
    await aCorpus(other, 'theirs');
    for (const corpus_id of ['none', 'theirs'])
      expect(await submit({ corpus_id })).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });

  it.each([
    ['no text', { text: undefined }],
    ['a blank text', { text: ' \n\t ' }],
    ['an unknown field', { other: 'hunter2' }],
    ['an id that is a path', { document_id: '../../hunter2' }],
    ['an id with a slash', { document_id: 'a/hunter2' }],
    ['an id that begins with a dot', { document_id: '.hunter2' }],
    ['labels that are a list', { metadata_json: { labels: ['hunter2'] } }],
    ['labels that are null', { metadata_json: { labels: null } }],
    ['metadata that is a text', { metadata_json: 'hunter2' }],
    ['chunks of no character', { chunk_size_chars: 0 }],
    ['a negative overlap', { chunk_overlap_chars: -1 }],
    ['an overlap as large as the chunk', { chunk_size_chars: 100, chunk_overlap_chars: 100 }],
    ['an overlap above the default chunk', { chunk_overlap_chars: 1200 }],
    ['a size that is a text', { chunk_size_chars: '100' }],
    ['a size with a fraction', { chunk_size_chars: 1.5 }],
    ['an overwrite that is a text', { overwrite: 'hunter2' }],
  ])('refuse %s with 422 at once, without repeating it', async (_, body) => {
    const refused = await submit(body);
    expect(refused.status).toBe(422);
    expect(refused.text).not.toContain('hunter2');
    expect(await tenant.reader.get('/v1/documents')).toMatchObject({ data: [] });
  });

  it('refuse a NUL character and lone surrogates do not break them', async () => {
    expect((await submit({ text: 'a\u0000b' })).status).toBe(422);
    expect((await submit({ document_id: 'odd', text: 'before \ud800 after the kettle' })).status).toBe(202);
    expect(await ingested(tenant.reader, 'odd')).toMatchObject({ status: 'succeeded' });
  });

  it('refuse a tenant in the body with 400', async () => {
    const refused = await submit({ tenant_id: 'other' });
    expect(refused).toMatchObject({ status: 400, code: 'TENANT_ID_NOT_ALLOWED' });
  });

  it('are cut as the request says, also without overlap and below the default overlap', async () => {
    const text = 'abcdefghi '.repeat(260);
    for (const [document_id, chunk_size_chars, chunk_overlap_chars] of [
      ['by-default', undefined, undefined],
      ['small', 100, 0],
      ['tiny', 50, undefined],
      ['overlap', 800, 100],
    ] as const)
      await aDocument(tenant, text, { document_id, chunk_size_chars, chunk_overlap_chars });
    const chunks = async (id: string): Promise<number> =>
      ((await tenant.reader.get(`/v1/documents/${id}`)).data as { num_chunks: number }).num_chunks;
    expect(await chunks('by-default')).toBeGreaterThanOrEqual(3);
    expect(await chunks('small')).toBeGreaterThanOrEqual(26);
    expect(await chunks('tiny')).toBeGreaterThan(await chunks('small'));
    expect(await chunks('overlap')).toBeGreaterThan(await chunks('by-default'));
  });

  it('answer from the old chunks during a reindex, and from the new ones after the swap', async () => {
    const id = await aDocument(tenant, 'The kettle is green.\n\nThe cup is red.', { document_id: 'doc-1' });
    const chunksBefore = ((await tenant.reader.get(`/v1/documents/${id}`)).data as { num_chunks: number }).num_chunks;
    const answers: string[] = [];
    let done = false;
    const asking = (async () => {
      while (!done) answers.push(await answerAbout('kettle'));
    })();
    for (let round = 0; round < 3; round += 1) {
      const accepted = await tenant.editor.post(`/v1/documents/${id}/reindex`, {
        chunk_size_chars: 21 + round,
        chunk_overlap_chars: 0,
      });
      expect(accepted).toMatchObject({ status: 202, data: { document_id: id, status: 'queued' } });
      await ingested(tenant.reader, id);
    }
    done = true;
    await asking;
    expect(answers.length).toBeGreaterThan(0);
    for (const answer of answers) expect(answer).toContain('kettle is green');
    const after = (await tenant.reader.get(`/v1/documents/${id}`)).data as Record<string, unknown>;
    expect(after['num_chunks']).toBeGreaterThanOrEqual(chunksBefore);
    expect(after['last_reindexed_at']).toMatch(/Z$/);
    expect(await tenant.editor.post(`/v1/documents/${id}/reindex`)).toMatchObject({ status: 202 });
    await ingested(tenant.reader, id);
  });

  it('refuse a reindex of what is not there, and settings that cannot be', async () => {
    const id = await aDocument(tenant, 'The kettle is green.');
    expect(await tenant.editor.post('/v1/documents/none/reindex', {})).toMatchObject({ status: 404 });
    for (const body of [{ chunk_size_chars: 10, chunk_overlap_chars: 10 }, { chunk_size_chars: 0 }, { other: 1 }])
      expect((await tenant.editor.post(`/v1/documents/${id}/reindex`, body)).status).toBe(422);
  });

  it('answer nothing from the moment of their deletion', async () => {
    const id = await aDocument(tenant, 'The kettle is green.');
    expect(await answerAbout('kettle')).toContain('green');
    const deleted = await tenant.editor.delete(`/v1/documents/${id}`);
    expect(deleted).toMatchObject({ status: 204, text: '' });
    expect(await answerAbout('kettle')).not.toContain('green');
    expect(await tenant.reader.get(`/v1/documents/${id}`)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await tenant.editor.delete(`/v1/documents/${id}`)).toMatchObject({ status: 404 });
    expect((await tenant.reader.get('/v1/documents')).data).toEqual([]);
  });

  it('may come back under the same id with another text, at once and again and again', async () => {
    for (const colour of ['green', 'blue', 'red', 'white', 'black']) {
      await aDocument(tenant, `The kettle is ${colour}.`, { document_id: 'doc-1' });
      expect(await answerAbout('kettle')).toContain(`The kettle is ${colour}.`);
      expect((await tenant.editor.delete('/v1/documents/doc-1')).status).toBe(204);
    }
    expect(await answerAbout('kettle')).not.toContain('The kettle is');
  });

  it('answer a repeated Idempotency-Key before any look at their state', async () => {
    const key = (name: string) => ({ 'idempotency-key': name });
    const first = await submit({ document_id: 'doc-1' }, key('submit'));
    await ingested(tenant.reader, 'doc-1');
    const again = await submit({ document_id: 'doc-1' }, key('submit'));
    expect(again).toMatchObject({ status: 202, text: first.text });
    expect(await submit({ document_id: 'doc-1', text: 'Other.' }, key('submit'))).toMatchObject({
      status: 409,
      code: 'IDEMPOTENCY_KEY_CONFLICT',
    });
    const reindex = () => tenant.editor.post('/v1/documents/doc-1/reindex', {}, key('reindex'));
    const queued = await reindex();
    expect(queued.status).toBe(202);
    expect(await reindex()).toMatchObject({ status: 202, text: queued.text });
    await ingested(tenant.reader, 'doc-1');
    const remove = () => tenant.editor.delete('/v1/documents/doc-1', key('delete'));
    expect((await remove()).status).toBe(204);
    const replayed = await remove();
    expect(replayed.status).toBe(204);
    expect(replayed.headers.get('idempotency-replayed')).toBe('true');
  });

  it('answer 401 without a key and 403 to a role that may only read', async () => {
    const id = await aDocument(tenant, 'The kettle is green.');
    const writes = [
      ['POST', '/v1/documents/text', { corpus_id: 'c1', text: 'x' }],
      ['POST', `/v1/documents/${id}/reindex`, {}],
      ['DELETE', `/v1/documents/${id}`, undefined],
    ] as const;
    for (const [method, path, body] of writes) {
      expect(await server.anonymous.call(method, path, body)).toMatchObject({ status: 401, code: 'AUTH_UNAUTHORIZED' });
      expect(await tenant.reader.call(method, path, body)).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
    }
    for (const path of ['/v1/documents', `/v1/documents/${id}`]) {
      expect((await server.anonymous.get(path)).status).toBe(401);
      expect((await tenant.reader.get(path)).status).toBe(200);
    }
  });

  it("answer 404 for another tenant's id, and let every tenant have the same id", async () => {
    const other = await server.tenant();
    await aCorpus(other);
    await aDocument(other, 'The kettle is theirs.', { document_id: 'doc-1' });
    expect(await tenant.reader.get('/v1/documents/doc-1')).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await tenant.editor.delete('/v1/documents/doc-1')).toMatchObject({ status: 404 });
    expect(await tenant.editor.post('/v1/documents/doc-1/reindex', {})).toMatchObject({ status: 404 });
    await aDocument(tenant, 'The kettle is mine.', { document_id: 'doc-1' });
    expect(await answerAbout('kettle')).not.toContain('theirs');
    await tenant.editor.delete('/v1/documents/doc-1');
    expect((await other.reader.get('/v1/documents/doc-1')).status).toBe(200);
  });

  it('are paged oldest first', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const document_id of ids) await submit({ document_id });
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await tenant.reader.get(`/v1/documents?limit=2${from}`);
      seen.push(...(page.data as { id: string }[]).map(({ id }) => id));
      cursor = (page.body as { meta: { page: { next_cursor: string | null } } }).meta.page.next_cursor;
    }
    expect(seen).toEqual(ids);
    const first = await tenant.reader.get('/v1/documents?limit=2&corpus_id=c1');
    const { next_cursor: foreign } = (first.body as { meta: { page: { next_cursor: string } } }).meta.page;
    const refused = await tenant.reader.get(`/v1/documents?limit=2&cursor=${encodeURIComponent(foreign)}`);
    expect(refused.status).toBe(400);
  });

  it('answer without an envelope under the old address, and point there', async () => {
    const accepted = await tenant.editor.post('/documents/text', { corpus_id: 'c1', text: 'x y z', document_id: 'd1' });
    expect(accepted).toMatchObject({ status: 202, body: { document_id: 'd1', status_url: '/documents/d1' } });
    expect(accepted.headers.get('deprecation')).toBe('true');
    expect(await tenant.reader.get('/documents/d1')).toMatchObject({ status: 200, body: { id: 'd1' } });
    expect((await tenant.reader.get('/documents/none')).body).toEqual({
      detail: expect.objectContaining({ code: 'NOT_FOUND' }),
    });
    expect((await server.anonymous.get('/documents/none')).headers.get('deprecation')).toBe('true');
  });

  it('keep their text out of the event log and out of the server log', async () => {
    const canary = 'canary-7f3d9a';
    await aDocument(tenant, `The word is ${canary}.`, { metadata_json: { note: canary } });
    expect(JSON.stringify(await everyEvent(server.platform.log))).not.toContain(canary);
    expect(server.lines.join('')).not.toContain(canary);
  });

  async function answerAbout(topic: string): Promise<string> {
    const { frames } = await tenant.reader.ask({
      session_id: 's1',
      corpus_id: 'c1',
      message: `Which colour: ${topic}?`,
    });
    return String(frames.find(({ type }) => type === 'message.final')?.data['text']);
  }
});
