import type { ChatCompletion } from '#api/capabilities/openai/chat-answer.contract.js';
import { aPolicy } from '#test/support/authorization.js';
import { TestClient } from '#test/support/client.js';
import { keyOfDaysAgo } from '#test/support/keys.js';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

describe('the endpoints of the OpenAI API', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({ RUN_SSE_HEARTBEAT_S: '1' });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
  });

  const asked = (content: string, more: object = {}) => ({
    model: 'c1',
    messages: [{ role: 'user', content }],
    ...more,
  });
  const chat = (body: object, headers: Record<string, string> = {}) =>
    tenant.reader.post('/v1/chat/completions', body, headers);

  it('answer 401 to nobody, in the form of the protocol', async () => {
    for (const path of ['/v1/models', '/v1/models/c1'])
      expect(await server.anonymous.get(path)).toMatchObject({ status: 401, code: 'AUTH_UNAUTHORIZED' });
    const refused = await server.anonymous.post('/v1/chat/completions', asked('Anything?'));
    expect(refused.body).toEqual({
      error: {
        message: 'A valid credential is required.',
        type: 'authentication_error',
        param: null,
        code: 'AUTH_UNAUTHORIZED',
      },
    });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('show no corpus of another tenant: 404', async () => {
    const other = await server.tenant();
    await aCorpus(other, 'theirs');
    expect((await tenant.reader.get('/v1/models')).text).not.toContain('theirs');
    expect(await tenant.reader.get('/v1/models/theirs')).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(await chat(asked('Anything?', { model: 'theirs' }))).toMatchObject({ status: 404 });
  });

  it('list models page by page', async () => {
    await aCorpus(tenant, 'c2');
    expect((await tenant.reader.get('/v1/models?limit=1')).body).toMatchObject({
      data: [{ id: 'c1' }],
      has_more: true,
    });
  });

  it('refuse a model outside the scopes of the key with 403, be it there or not', async () => {
    await aCorpus(tenant, 'c2');
    const { secret } = await keyOfDaysAgo(server.platform, tenant.tenantId, 0, { scopes: { corpora: ['c1', 'gone'] } });
    const client = new TestClient(server.url, secret);
    const answer = async (model: string) => {
      const { status, body } = await client.post('/v1/chat/completions', asked('Anything?', { model }));
      return [status, (body as { error?: { code: string } }).error?.code];
    };
    for (const model of ['c2', 'nothing']) expect(await answer(model)).toEqual([403, 'AUTH_FORBIDDEN']);
    expect(await answer('gone')).toEqual([404, 'model_not_found']);
    expect(await answer('c1')).toEqual([200, undefined]);
    expect((await client.get('/v1/models')).body).toMatchObject({ data: [{ id: 'c1' }], has_more: false });
  });

  it('list, show and answer by no model that policies do not let the caller ask, be it there or not', async () => {
    await aCorpus(tenant, 'c2');
    const condition_json = { in: { field: 'resource.id', value: ['c1', 'nothing'] } };
    await aPolicy(tenant, { resource_type: 'corpus', action: 'run', condition_json });
    expect((await tenant.reader.get('/v1/models?limit=1')).body).toMatchObject({
      data: [{ id: 'c2' }],
      has_more: false,
    });
    expect((await tenant.reader.get('/v1/models/c2')).status).toBe(200);
    const denied = { status: 403, body: { error: { code: 'AUTHZ_DENIED' } } };
    expect(await tenant.reader.get('/v1/models/c1')).toMatchObject(denied);
    for (const model of ['c1', 'nothing']) expect(await chat(asked('Anything?', { model }))).toMatchObject(denied);
    expect(((await tenant.reader.get('/v1/corpora')).data as object[]).length).toBe(2);
  });

  it('stream lines of data, comments while there is nothing to say, and [DONE] last', async () => {
    const answering = fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.reader.key ?? ''}`, 'content-type': 'application/json' },
      body: JSON.stringify(asked('gated please', { stream: true })),
    });
    const response = await answering;
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const bytes of response.body ?? []) {
      text += Buffer.from(bytes as Uint8Array).toString('utf8');
      if (text.includes(': keep-alive')) server.answerer.open();
    }
    const events = text.trimEnd().split('\n\n');
    expect(events.every((event) => event.startsWith('data: ') || event === ': keep-alive')).toBe(true);
    expect(events.at(-1)).toBe('data: [DONE]');
    expect(events).toContain(': keep-alive');
  });

  it('keep the question and its answer as a run of the named session, which /v1/run goes on with', async () => {
    await aDocument(tenant, 'The kettle of the office is green.');
    const metadata = { session_id: 's1' };
    expect(await chat(asked('Which colour has the kettle?', { metadata }))).toMatchObject({
      status: 200,
      body: { run: { session_id: 's1' } },
    });
    await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message: 'And the cups?' });
    expect(server.answerer.asked.at(-1)?.history[0]).toEqual({ role: 'user', content: 'Which colour has the kettle?' });
  });

  it('take a text as parts, and end with a question', async () => {
    const parts = [
      { type: 'text', text: 'Which colour' },
      { type: 'text', text: 'has the kettle?' },
    ];
    expect((await chat({ model: 'c1', messages: [{ role: 'user', content: parts }] })).status).toBe(200);
    expect(server.answerer.asked.at(-1)?.question).toBe('Which colour\nhas the kettle?');
    for (const messages of [[{ role: 'assistant', content: 'x' }], [{ role: 'user', content: '  ' }]])
      expect(await chat({ model: 'c1', messages })).toMatchObject({
        status: 422,
        body: { error: { param: 'messages' } },
      });
    expect(await chat(asked('x', { metadata: { session_id: 7 } }))).toMatchObject({ status: 422 });
  });

  it('point each annotation at its own marker, and at no reference within what is quoted', async () => {
    await aDocument(tenant, 'The kettle of the office is green.[1]');
    const { body } = await chat(asked('Which colour has the kettle of the office?'));
    const [choice] = (body as ChatCompletion).choices;
    const { content, annotations } = choice?.message ?? { content: '', annotations: [] };
    expect(annotations).toHaveLength(1);
    expect(content.slice((annotations[0]?.file_citation.index ?? 0) - 2)).toBe('” [1]');
  });

  it('tell of the tokens which ones were cached, and which ones nobody sees', async () => {
    const { body } = await chat(asked('slow 3 1'));
    expect((body as ChatCompletion).usage).toEqual({
      prompt_tokens: 12,
      completion_tokens: 3,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 1 },
    });
    const counted = { input_tokens: 12, cached_tokens: 5, output_tokens: 3, reasoning_tokens: 1 };
    expect((await tenant.reader.get(`/v1/runs/${(body as ChatCompletion).run.id}`)).data).toMatchObject(counted);
  });

  it('count what was asked, as a run', async () => {
    const answer = await chat(asked('Anything?'));
    expect(answer.status).toBe(200);
    expect(Number(answer.headers.get('x-quota-day-used'))).toBeGreaterThanOrEqual(3);
  });
});
