import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from 'openai';
import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const text = [
  'The kettle of the office is green and stands beside the sink.',
  'Every morning at nine the kettle is filled with fresh water by whoever comes first.',
].join('\n\n');
const question = 'Which colour has the kettle of the office?';

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

interface Annotation {
  readonly type: string;
  readonly file_citation: { document_id: string; chunk_id: string; start: number; end: number; marker: number };
}

interface Run {
  readonly id: string;
  readonly session_id: string;
  readonly degraded?: boolean;
  readonly reason_code?: string;
}

/** The official SDK, against a server as it runs; nothing of it is replaced. */
describe('the openai SDK, pointed at us', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let documentId: string;
  beforeAll(async () => {
    const wide = Object.fromEntries(
      ['KEY', 'TENANT']
        .flatMap((scope) => [`RL_${scope}_RUN_RPS`, `RL_${scope}_RUN_BURST`])
        .map((name) => [name, '10000']),
    );
    server = await openTestServer({ RATE_LIMIT_ENABLED: 'true', RUN_RESUME_GRACE_S: '1', ...wide });
    tenant = await server.tenant();
    await aCorpus(tenant);
    documentId = await aDocument(tenant, text);
  });
  afterAll(() => server.stop());

  const clientOf = (apiKey = tenant.reader.key ?? ''): OpenAI =>
    new OpenAI({ apiKey, baseURL: `${server.url}/v1`, maxRetries: 0 });
  const user = (content: string) => ({ role: 'user', content }) as const;
  const failing = async (work: Promise<unknown>): Promise<APIError> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof APIError)) throw new Error('the SDK threw no APIError', { cause: error });
    return error;
  };
  const quoted = (content: string, annotations: readonly Annotation[]): void => {
    expect(annotations.length).toBeGreaterThan(0);
    for (const { type, file_citation: cited } of annotations) {
      expect({ type, document: cited.document_id }).toEqual({ type: 'file_citation', document: documentId });
      expect(content).toContain(`“${text.slice(cited.start, cited.end)}” [${cited.marker}]`);
    }
  };

  it('lists the corpora that the key may use as models, and gets one', async () => {
    const models = await allOf(await clientOf().models.list());
    expect(models).toEqual([{ id: 'c1', object: 'model', created: expect.any(Number), owned_by: tenant.tenantId }]);
    expect(await clientOf().models.retrieve('c1')).toMatchObject({ id: 'c1', object: 'model' });
  });

  it('streams a cited answer: deltas, then its annotations, then the tokens used', async () => {
    const stream = await clientOf().chat.completions.create({
      model: 'c1',
      messages: [user(question)],
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: ChatCompletionChunk[] = await allOf(stream);
    const [first] = chunks;
    expect(first?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(new Set(chunks.map(({ id, object, model }) => `${id} ${object} ${model}`)).size).toBe(1);
    const content = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    const last = chunks.findLast(({ choices }) => choices.length > 0);
    expect(last?.choices[0]?.finish_reason).toBe('stop');
    quoted(content, (last?.choices[0]?.delta as { annotations: Annotation[] }).annotations);
    expect((last as unknown as { run: Run }).run).toMatchObject({ degraded: true, reason_code: 'llm_unconfigured' });
    const usage = chunks.at(-1)?.usage;
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
    expect(usage?.completion_tokens).toBeGreaterThan(0);
  });

  it('is understood by the helper of the SDK that puts a stream together', async () => {
    const runner = clientOf().chat.completions.stream({ model: 'c1', messages: [user(question)] });
    const message = (await runner.finalChatCompletion()).choices[0]?.message as unknown as {
      content: string;
      annotations: Annotation[];
    };
    quoted(message.content, message.annotations);
  });

  it('gets the same whole, without a stream', async () => {
    const completion = await clientOf().chat.completions.create({ model: 'c1', messages: [user(question)] });
    expect(completion).toMatchObject({ object: 'chat.completion', model: 'c1', created: expect.any(Number) });
    const [choice] = completion.choices;
    expect(choice?.finish_reason).toBe('stop');
    quoted(choice?.message.content ?? '', choice?.message.annotations as unknown as Annotation[]);
    expect(completion.usage?.prompt_tokens).toBeGreaterThan(0);
  });

  it('speaks of what was said before by its messages alone, also when they hold an answer as it came', async () => {
    const client = clientOf();
    const first = await client.chat.completions.create({
      model: 'c1',
      messages: [user(question)],
      safety_identifier: 'u1',
    });
    const answer = first.choices[0]?.message;
    if (answer === undefined) throw new Error('there was no answer');
    const second = await client.chat.completions.create({
      model: 'c1',
      messages: [{ role: 'system', content: 'Be brief.' }, user(question), answer, user('And when is it filled?')],
      safety_identifier: 'u1',
    });
    const asked = server.answerer.asked.at(-1);
    expect(asked?.history).toEqual([
      { role: 'user', content: question },
      { role: 'assistant', content: answer.content },
    ]);
    expect(asked).toMatchObject({ question: 'And when is it filled?', options: { instructions: 'Be brief.' } });
    expect((second as unknown as { run: Run }).run.session_id).toBe('user:u1');
    await client.chat.completions.create({ model: 'c1', messages: [user('A new one?')], safety_identifier: 'u1' });
    expect(server.answerer.asked.at(-1)?.history).toEqual([]);
  });

  it('has its bounds kept: a stop sequence, and the most tokens', async () => {
    const client = clientOf();
    const slow = { model: 'c1', messages: [user('slow 9 1')] };
    const stopped = await client.chat.completions.create({ ...slow, stop: 'word-3' });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'word-1 word-2 ' } });
    const cut = await client.chat.completions.create({ ...slow, max_completion_tokens: 4 });
    expect(cut.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'word-1 word-2 ' } });
  });

  it('asks once under one idempotency key, and gets the same answer to the byte', async () => {
    const asked = server.answerer.asked.length;
    const once = { idempotencyKey: 'one', headers: { 'idempotency-key': 'one' } };
    const ask = () => clientOf().chat.completions.create({ model: 'c1', messages: [user(question)] }, once);
    const [one, two] = [await ask(), await ask()];
    expect(two).toEqual(one);
    expect(server.answerer.asked.length).toBe(asked + 1);
    const other = clientOf().chat.completions.create({ model: 'c1', messages: [user('Another?')] }, once);
    expect(await failing(other)).toMatchObject({ status: 409, code: 'IDEMPOTENCY_KEY_CONFLICT' });
  });

  it('is refused under the key of another request, be it other words before, other rules or another temperature', async () => {
    const key = { headers: { 'idempotency-key': 'history' } };
    const last = [{ role: 'assistant', content: 'It is green.' } as const, user('And when is it filled?')];
    const messages = [{ role: 'system', content: 'Be brief.' } as const, user(question), ...last];
    const ask = (more: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) =>
      clientOf().chat.completions.create({ model: 'c1', messages, temperature: 0, ...more }, key);
    const first = await ask({});
    const others = [
      { messages: [...messages.slice(0, 1), user('Which colour has the kettle of the garden?'), ...last] },
      { messages: messages.slice(0, 2).concat(user('And when is it filled?')) },
      { messages: [user('And when is it filled?')] },
      { messages: [{ role: 'system', content: 'Be long.' } as const, ...messages.slice(1)] },
      { temperature: 1 },
      { max_tokens: 5 },
    ];
    for (const more of others)
      expect(await failing(ask(more))).toMatchObject({ status: 409, code: 'IDEMPOTENCY_KEY_CONFLICT' });
    expect(await ask({})).toEqual(first);
  });

  it('cancels the run when it stops listening', async () => {
    const stream = await clientOf().chat.completions.create({
      model: 'c1',
      messages: [user('gated please')],
      stream: true,
    });
    let run: Run | undefined;
    for await (const chunk of stream) {
      run ??= (chunk as unknown as { run: Run }).run;
      if (chunk.choices[0]?.delta.content === 'two ') break;
    }
    stream.controller.abort();
    const events = async () => {
      const types: string[] = [];
      for await (const event of server.platform.log.readStream(`runs-${tenant.tenantId}.${run?.id ?? ''}`))
        types.push(event.type);
      return types;
    };
    await until('the run is cancelled', async () => (await events()).includes('RunCancelled'));
    expect(await events()).toEqual(['RunStarted', 'RunCancelled']);
  });

  describe('throws its own errors', () => {
    const ask = (client: OpenAI, more: object = {}) =>
      client.chat.completions.create({ model: 'c1', messages: [user(question)], ...more });

    it('401 AuthenticationError for a key that is none', async () => {
      const error = await failing(ask(clientOf('nrgk_nothing')));
      expect(error).toBeInstanceOf(AuthenticationError);
      expect(error).toMatchObject({ type: 'authentication_error', code: 'AUTH_UNAUTHORIZED', param: null });
      expect(error.requestID).toMatch(/./);
    });

    it('404 NotFoundError for a model that is no corpus, or one of another tenant', async () => {
      const other = await server.tenant();
      await aCorpus(other, 'theirs');
      for (const model of ['none', 'theirs']) {
        const error = await failing(ask(clientOf(), { model }));
        expect(error).toBeInstanceOf(NotFoundError);
        expect(error).toMatchObject({ type: 'invalid_request_error', code: 'model_not_found', param: 'model' });
        expect(await failing(clientOf().models.retrieve(model))).toBeInstanceOf(NotFoundError);
      }
    });

    it('422 UnprocessableEntityError for a request that is none, and says which part', async () => {
      const image = [{ type: 'image_url', image_url: { url: 'data:,' } }];
      const error = await failing(ask(clientOf(), { messages: [{ role: 'user', content: image }] }));
      expect(error).toBeInstanceOf(UnprocessableEntityError);
      expect(error).toMatchObject({ type: 'invalid_request_error', param: 'messages.0.content' });
      for (const wrong of [{ n: 0 }, { temperature: 3 }, { messages: [] }, { stop: ['a', 'b', 'c', 'd', 'e'] }])
        expect(await failing(ask(clientOf(), wrong))).toBeInstanceOf(UnprocessableEntityError);
    });

    it('400 BadRequestError for tools, and whatever else nobody does here', async () => {
      const tools = [{ type: 'function', function: { name: 'f' } }];
      const unsupported = {
        ...{ tools, presence_penalty: 1, logprobs: true, store: true, n: 2, top_logprobs: 3 },
        ...{ response_format: { type: 'json_object' }, modalities: ['text', 'audio'], audio: { voice: 'v' } },
        ...{ functions: [{ name: 'f' }], function_call: { name: 'f' }, web_search_options: {} },
      };
      for (const [param, value] of Object.entries(unsupported)) {
        const error = await failing(ask(clientOf(), { [param]: value }));
        expect(error).toBeInstanceOf(BadRequestError);
        expect(error).toMatchObject({ code: 'UNSUPPORTED_PARAMETER', param });
      }
      const called = { role: 'assistant', content: 'x', tool_calls: [{ id: '1', type: 'function' }] };
      const error = await failing(ask(clientOf(), { messages: [user('x'), called, user(question)] }));
      expect(error).toMatchObject({ status: 400, code: 'UNSUPPORTED_PARAMETER', param: 'messages.1' });
    });

    it('for nothing that an answer does not hang on', async () => {
      const none = ['logprobs', 'response_format', 'tools', 'tool_choice', 'functions', 'function_call', 'prediction'];
      const nulls = Object.fromEntries([...none, 'top_logprobs', 'audio', 'modalities'].map((name) => [name, null]));
      const harmless = {
        ...{ seed: 7, logit_bias: { 50256: -100 }, parallel_tool_calls: false, service_tier: 'auto', n: 1 },
        ...{ modalities: ['text'], reasoning_effort: 'low', verbosity: 'low', prompt_cache_key: 'k', top_logprobs: 0 },
        ...{ safety_identifier: 'u2', tools: [], functions: [], tool_choice: 'none', function_call: 'auto' },
        ...{ presence_penalty: 0, prediction: { type: 'content', content: 'x' }, response_format: { type: 'text' } },
      };
      for (const more of [nulls, harmless]) expect((await ask(clientOf(), more)).choices).toHaveLength(1);
      const stream_options = { include_usage: true, include_obfuscation: false };
      const messages = [user(question)];
      const stream = await clientOf().chat.completions.create({ model: 'c1', messages, stream: true, stream_options });
      expect((await allOf(stream)).at(-1)?.usage?.total_tokens).toBeGreaterThan(0);
    });

    it('for no long conversation, whose answers are as a client has filled them up', async () => {
      const filled = { refusal: null, annotations: null, audio: null, function_call: null, tool_calls: null };
      const answer = { role: 'assistant', content: 'It is green.', ...filled };
      const turns = Array.from({ length: 200 }, () => [user(question), answer]).flat();
      const system = { role: 'system', content: 'Be brief. '.repeat(10_000) };
      const messages = [system, ...turns, user(question)] as const;
      expect((await ask(clientOf(), { messages })).choices).toHaveLength(1);
      expect(server.answerer.asked.at(-1)?.history).toHaveLength(400);
    });

    it('404 and 405 in its form for what is not there', async () => {
      const at = (path: string, method: 'get' | 'post' | 'delete') => failing(clientOf()[method](path));
      for (const path of ['/chat/nothing', '/models/c1/nothing', '/embeddings/nothing', '/audio/transcriptions/x'])
        expect(await at(path, 'get')).toMatchObject({ status: 404, type: 'invalid_request_error', code: 'NOT_FOUND' });
      for (const path of ['/chat/completions', '/embeddings', '/models', '/audio/transcriptions'])
        expect(await at(path, 'delete')).toMatchObject({ status: 405, param: null, code: 'METHOD_NOT_ALLOWED' });
    });

    it('403 PermissionDeniedError for a key that may use other corpora only', async () => {
      const made = await tenant.admin.post('/v1/self-serve/api-keys', {
        name: 'narrow',
        role: 'reader',
        scopes: { corpora: ['c2'] },
      });
      const client = clientOf((made.data as { api_key: string }).api_key);
      expect(await failing(ask(client))).toBeInstanceOf(PermissionDeniedError);
      expect(await allOf(await client.models.list())).toEqual([]);
    });

    it('429 RateLimitError over the rate, with the time to wait', async () => {
      const hasty = await server.tenant();
      await aCorpus(hasty);
      const limits = [{ scope: 'api_key', route_class: 'run', rps: 0.001, burst: 3 }];
      await server.operator(hasty.tenantId).call('PUT', `/v1/admin/rate-limits/${hasty.tenantId}`, { limits });
      const client = clientOf(hasty.reader.key);
      await ask(client);
      const error = await failing(ask(client));
      expect(error).toBeInstanceOf(RateLimitError);
      expect(error).toMatchObject({ type: 'rate_limit_error', code: 'RATE_LIMITED' });
      expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(0);
    });

    it('402 with insufficient_quota over the quota', async () => {
      const poor = await server.tenant();
      await aCorpus(poor);
      const path = `/v1/admin/quotas/${poor.tenantId}`;
      await server.operator(poor.tenantId).patch(path, { daily_requests_limit: 0 });
      const error = await failing(ask(clientOf(poor.reader.key)));
      expect(error).toMatchObject({ status: 402, type: 'insufficient_quota', code: 'QUOTA_EXCEEDED' });
    });

    it('what a run fails with: whole as a status, in a stream as its last line', async () => {
      const failed = { messages: [user('fail please')] };
      const whole = await failing(ask(clientOf(), failed));
      expect(whole).toMatchObject({ status: 503, type: 'server_error', code: 'RUN_FAILED' });
      expect(whole.message).not.toContain('sk-secret');
      const stream = await clientOf().chat.completions.create({ model: 'c1', ...failed, stream: true });
      expect(await failing(allOf(stream))).toMatchObject({ type: 'server_error', code: 'RUN_FAILED' });
    });
  });
});
