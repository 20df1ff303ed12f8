import {
  aCorpus,
  aDocument,
  ingested,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import { OpenAiEmbeddings, type Flaw } from '#test/support/wire-openai-embeddings.js';
import type { Manner } from '#test/support/wire-server.js';

const KEY = 'sk-wire-0123456789';

interface Place {
  readonly service: OpenAiEmbeddings;
  readonly server: TestServer;
  readonly tenant: TestTenant;
  close(): Promise<void>;
}

/** A server whose corpora have a remote model, with one document in it. */
async function openPlace(env: Readonly<Record<string, string>>): Promise<Place> {
  const service = await OpenAiEmbeddings.open({ key: KEY, models: { small: 64 } });
  const server = await openTestServer({
    ...{ EMBEDDING_PROVIDER: 'openai', OPENAI_EMBEDDING_MODEL: 'small', EMBEDDING_DIMENSION: '64' },
    ...{ OPENAI_BASE_URL: service.baseUrl, OPENAI_API_KEY: KEY, EXT_RETRY_MAX_ATTEMPTS: '1', ...env },
  });
  const tenant = await server.tenant();
  await aCorpus(tenant);
  await aDocument(tenant, 'The kettle is green.');
  const close = async (): Promise<void> => {
    await server.stop();
    await service.close();
  };
  return { service, server, tenant, close };
}

describe('a question to a corpus whose model is behind an API', () => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace({ CB_FAILURE_THRESHOLD: '1000', EMBEDDING_TIMEOUT_MS: '600000' });
  });
  afterAll(() => place.close());

  let questions = 0;
  /** Never asked before: what was is remembered. */
  const question = (): string => `Which kettle is number ${(questions += 1)}?`;
  const search = () => place.tenant.reader.post('/v1/search', { corpus_id: 'c1', query: question(), rerank: false });

  it.each<[string, Manner | Flaw, string]>([
    ['a refused key', 401, 'EMBEDDING_AUTH_ERROR'],
    ['a key that may not', 403, 'EMBEDDING_AUTH_ERROR'],
    ['a model that is not there', 404, 'EMBEDDING_MODEL_NOT_FOUND'],
    ['a refusal', 400, 'EMBEDDING_REFUSED'],
    ['a limit', 429, 'EMBEDDING_RATE_LIMITED'],
    ['an error of the service', 500, 'EMBEDDING_ERROR'],
    ['a connection that is cut', 'drop', 'EMBEDDING_ERROR'],
    ['no HTTP at all', 'garbage', 'EMBEDDING_ERROR'],
    ['vectors of another length', 'dimension', 'EMBEDDING_DIMENSION_MISMATCH'],
    ['vectors that are none', 'nan', 'EMBEDDING_INVALID'],
  ])('is 503 after %s, wherever it is asked', async (_what, manner, code) => {
    const { service, tenant } = place;
    const misbehave = (): unknown =>
      manner === 'dimension' || manner === 'nan'
        ? service.flaws.push(manner)
        : service.server.manners.push(manner as Manner);
    misbehave();
    expect(await search()).toMatchObject({ status: 503, code });
    misbehave();
    const body = { model: 'c1', messages: [{ role: 'user', content: question() }] };
    expect(await tenant.reader.post('/v1/chat/completions', body)).toMatchObject({
      status: 503,
      body: { error: { code } },
    });
    misbehave();
    const run = await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message: question() });
    expect(run.frames.map(({ type }) => type)).toEqual(['request.accepted', 'error', 'done']);
    expect(run.frames[1]?.data).toMatchObject({ code });
    expect((await search()).status).toBe(200);
  });

  it('says how long a limit lasts when the provider does', async () => {
    place.service.server.manners.push({ status: 429, headers: { 'retry-after': '7' } });
    const refused = await search();
    expect([refused.code, refused.headers.get('retry-after')]).toEqual(['EMBEDDING_RATE_LIMITED', '7']);
  });

  it.each<[Manner, string]>([
    [401, 'EMBEDDING_AUTH_ERROR'],
    [404, 'EMBEDDING_MODEL_NOT_FOUND'],
  ])('leaves an ingestion nothing to wait for after %p', async (manner, failure_code) => {
    const { service, tenant } = place;
    const before = service.server.requests.length;
    service.server.manners.push(manner);
    const text = `The lamp that says ${String(manner)} is red.`;
    const { data } = await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text });
    const { document_id: id } = data as { document_id: string };
    expect(await ingested(tenant.reader, id)).toMatchObject({ status: 'failed', failure_code });
    expect(service.server.requests.length - before).toBe(1);
  });
});

describe('a question while its model does not answer', () => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace({ CB_FAILURE_THRESHOLD: '2', CB_OPEN_SECONDS: '3600', EMBEDDING_TIMEOUT_MS: '3000' });
  });
  afterAll(() => place.close());

  it('is 503 until the breaker opens, and then says for how long, and of the service no more than its kind', async () => {
    const { service, tenant } = place;
    const search = (query: string) => tenant.reader.post('/v1/search', { corpus_id: 'c1', query, rerank: false });
    service.server.manners.push('slow-headers', 'slow-tokens');
    expect(await search('one')).toMatchObject({ status: 503, code: 'INTEGRATION_TIMEOUT' });
    expect(await search('two')).toMatchObject({ status: 503, code: 'INTEGRATION_TIMEOUT' });
    const { length: asked } = service.server.requests;
    const refused = await search('three');
    expect(refused).toMatchObject({ status: 503, code: 'INTEGRATION_UNAVAILABLE' });
    expect(service.server.requests.length).toBe(asked);
    const { details } = (refused.body as { error: { details: Record<string, unknown> } }).error;
    expect(details).toEqual({ integration: 'embedding.openai', retry_after_ms: expect.any(Number) });
    expect(Number(refused.headers.get('retry-after'))).toBe(Math.ceil(Number(details['retry_after_ms']) / 1_000));
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(60);
    expect(refused.text).not.toContain('127.0.0.1');
  });
});
