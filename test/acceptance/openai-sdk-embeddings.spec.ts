import OpenAI, { APIError, BadRequestError, NotFoundError, UnprocessableEntityError } from 'openai';
import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import { eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';
import { OpenAiEmbeddings } from '#test/support/wire-openai-embeddings.js';

const HASHED = 'hashing-v1';
const REMOTE = 'text-embedding-3-small';
const texts = ['A kettle boils water for tea.', 'Release gates are checked before the release.'];

/** The official SDK, against a server as it runs, behind which stands a model of another one. */
describe('vectors that the openai SDK asks for', () => {
  let service: OpenAiEmbeddings;
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    service = await OpenAiEmbeddings.open({ mostCharacters: 4_000 });
    server = await openTestServer({
      OPENAI_EMBEDDING_BASE_URL: service.baseUrl,
      EXT_RETRY_MAX_ATTEMPTS: '1',
      CB_FAILURE_THRESHOLD: '100',
    });
  });
  beforeEach(async () => {
    tenant = await server.tenant();
  });
  afterAll(async () => {
    await server.stop();
    await service.close();
  });

  const clientOf = (apiKey = tenant.reader.key ?? ''): OpenAI =>
    new OpenAI({ apiKey, baseURL: `${server.url}/v1`, maxRetries: 0 });
  const embed = (body: Partial<OpenAI.EmbeddingCreateParams>) =>
    clientOf().embeddings.create({ model: HASHED, input: texts, ...body });
  const failing = async (work: Promise<unknown>): Promise<APIError> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof APIError)) throw new Error('the SDK threw no APIError', { cause: error });
    return error;
  };
  const failingWith = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 200,
      (thrown: unknown) => (thrown as APIError).status,
    );
  const own = async (input: readonly string[], dimension = 384): Promise<number[][]> =>
    (await new HashingEmbedder({ dimension }).embed(input)).map((vector) => [...vector]);

  it('are those of the model, in order, whether they come as base64, as the SDK asks by itself, or as numbers', async () => {
    const expected = await own(texts);
    for (const encoding of [undefined, 'base64', 'float'] as const) {
      const answer = await embed(encoding === undefined ? {} : { encoding_format: encoding });
      expect(answer).toMatchObject({ object: 'list', model: HASHED });
      expect(answer.data.map(({ object, index }) => [object, index])).toEqual([
        ['embedding', 0],
        ['embedding', 1],
      ]);
      const vectors = answer.data.map(({ embedding }) =>
        // Only what was asked for as base64 is left as it came.
        typeof embedding === 'string' ? [...new Float32Array(bytesOf(embedding))] : embedding,
      );
      expect(vectors).toEqual(expected);
      expect(answer.usage.prompt_tokens).toBe(answer.usage.total_tokens);
      expect(answer.usage.prompt_tokens).toBeGreaterThan(0);
    }
  });

  it('are of a single text, and of tokens as of the text that they spell', async () => {
    const [expected] = await own(['Hello world']);
    const spelt = [9906, 1917];
    for (const input of ['Hello world', spelt, [spelt]] as const) {
      const { data } = await embed({ input: input as string });
      expect(data.map(({ embedding }) => embedding)).toEqual([expected]);
    }
  });

  it('are shorter where the model makes them so, and its tokens are those that it counted', async () => {
    const { data, usage, model } = await embed({ model: REMOTE, dimensions: 256 });
    expect([model, data[0]?.embedding.length, usage.prompt_tokens]).toEqual([REMOTE, 256, 13]);
    expect(service.asked.at(-1)).toMatchObject({ model: REMOTE, dimensions: 256, input: texts });
    expect((await embed({ model: `openai/${REMOTE}` })).data[1]?.embedding).toHaveLength(1_536);
    for (const [model, dimensions] of [
      [HASHED, 128],
      [REMOTE, 2_000],
    ] as const) {
      const error = await failing(embed({ model, dimensions }));
      expect(error).toBeInstanceOf(UnprocessableEntityError);
      expect(error).toMatchObject({ param: 'dimensions', type: 'invalid_request_error' });
    }
  });

  it('are the same whatever is said of who asks, and of what kind and how long the texts are', async () => {
    const [expected] = await own(['Hello world']);
    const unused = [
      { user: 'u1', input_type: 'query', truncate: 'END' },
      { user: null, input_type: null, truncate: true },
    ];
    for (const more of unused)
      expect((await embed({ input: 'Hello world', ...(more as object) })).data[0]?.embedding).toEqual(expected);
  });

  it('are of no model that is not offered: 404 model_not_found, with those that are', async () => {
    const error = await failing(embed({ model: 'text-embedding-9' }));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: 'model_not_found', param: 'model', type: 'invalid_request_error' });
    expect(error.error).toMatchObject({ details: { offered: expect.arrayContaining([HASHED, REMOTE]) } });
  });

  it('are not made of nothing, of too much, or of what is neither text nor tokens: 422', async () => {
    const before = service.asked.length;
    const wrong: unknown[] = [
      '',
      [],
      ['', 'a'],
      ['a', 1],
      [[]],
      [[1.5]],
      [-1],
      [100_257],
      Array.from({ length: 2_049 }, () => 'a'),
      Array.from({ length: 20 }, () => 'x'.repeat(60_000)),
    ];
    for (const input of wrong) {
      const error = await failing(embed({ model: REMOTE, input: input as string }));
      expect([error.status, error.param]).toEqual([422, 'input']);
    }
    const many = Array.from({ length: 2_048 }, () => 'a');
    const error = await failing(embed({ model: REMOTE, input: many, encoding_format: 'float' }));
    expect([error.status, error.param]).toEqual([422, 'input']);
    expect(service.asked).toHaveLength(before);
    expect((await embed({ input: many })).data).toHaveLength(2_048);
  });

  it('are never of a text that was cut: what is longer than the model reads is refused', async () => {
    const before = service.asked.length;
    const known = await failing(embed({ model: REMOTE, input: ['short', 'many words '.repeat(5_000)] }));
    expect(known).toBeInstanceOf(BadRequestError);
    expect(known).toMatchObject({ code: 'EMBEDDING_INPUT_TOO_LONG' });
    expect(service.asked).toHaveLength(before);
    // The model itself says so.
    const told = await failing(embed({ model: REMOTE, input: 'a'.repeat(5_000) }));
    expect(told).toMatchObject({ status: 400, code: 'EMBEDDING_INPUT_TOO_LONG' });
  });

  it.each([
    [401, 'EMBEDDING_FAILED', 'EMBEDDING_AUTH_ERROR'],
    [404, 'EMBEDDING_FAILED', 'EMBEDDING_MODEL_NOT_FOUND'],
    [429, 'EMBEDDING_RATE_LIMITED', undefined],
    [500, 'EMBEDDING_ERROR', undefined],
  ])('fail in the form of the protocol when the model answers %i', async (answered, code, cause) => {
    service.server.manners.push(answered);
    const error = await failing(embed({ model: REMOTE }));
    expect(error).toMatchObject({ status: 503, code, type: 'server_error' });
    const { details } = error.error as { details?: { cause_code?: string } };
    expect(details?.cause_code).toBe(cause);
  });

  it('are counted against the quota, in the usage and in the audit log, without a word of the texts', async () => {
    const { response, data } = await clientOf().embeddings.create({ model: REMOTE, input: texts }).withResponse();
    expect(Number(response.headers.get('x-quota-day-used'))).toBeGreaterThanOrEqual(3);
    const audited = async () => {
      const { data: found } = await tenant.admin.get('/v1/audit/events?event_type=embeddings.created');
      return (found as { items: { resource_id: string }[] }).items;
    };
    await until('it is in the audit log', async () => (await audited()).length === 1);
    const id = (await audited()).map(({ resource_id }) => resource_id);
    const [event] = await eventsOf(server.platform, `embeddings-${tenant.tenantId}.${id.join()}`);
    const told = { provider: 'openai', model: REMOTE, dimension: 1_536, inputs: 2, tokensEstimated: false };
    expect(event).toMatchObject({ data: { ...told, tokens: data.usage.prompt_tokens } });
    expect(JSON.stringify(event)).not.toContain('kettle');
    const used = async () => (await tenant.admin.get('/v1/self-serve/usage/summary?window_days=1')).data;
    const tokens = { input: data.usage.prompt_tokens, output: 0, estimated: 0 };
    expect(await used()).toMatchObject({ tokens });
    await embed({});
    expect(await used()).toMatchObject({ tokens: { estimated: expect.any(Number), output: 0 } });
  });

  it('use up the quota of tokens like runs', async () => {
    await tenant.admin.patch(`/v1/admin/quotas/${tenant.tenantId}`, { daily_tokens_limit: 5 });
    await embed({ model: REMOTE });
    await until('the tokens are counted', async () => (await failingWith(embed({ model: REMOTE }))) === 402);
  });

  it('are not asked for any more when the client has left', async () => {
    const leaving = new AbortController();
    service.server.manners.push('slow-headers');
    const before = service.server.requests.length;
    const asking = clientOf().embeddings.create({ model: REMOTE, input: texts }, { signal: leaving.signal });
    await until('the model is asked', () => Promise.resolve(service.server.requests.length > before));
    leaving.abort();
    await expect(asking).rejects.toThrow();
    await until('the model is left too', () => Promise.resolve(service.server.openSockets === 0));
  });

  it('are made for nobody without a credential: 401', async () => {
    const error = await failing(clientOf('garbage').embeddings.create({ model: HASHED, input: 'a' }));
    expect(error).toMatchObject({ status: 401, code: 'AUTH_UNAUTHORIZED' });
  });
});

function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(base64, 'base64')).buffer;
}
