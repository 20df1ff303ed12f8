import { jest } from '@jest/globals';
import { llmErrors } from '#infra/adapters/llm/llm-failure.js';
import { outboundErrors } from '#infra/shared-state/outbound.js';
import { until } from '../support/until.js';
import { openWireOpenAi, type ChatRequest, type Said } from '../support/wire-openai-chat.js';
import type { Manner, WireServer } from '../support/wire-server.js';
import { ask, chatFailures, chatRig, deadlinesFor, limited, passages, type ChatFailure, type Rig } from './chat-rig.js';

const green: Said = { words: ['The kettle ', 'is green ', '[', '2', '].'] };

describe('a model behind an OpenAI-compatible server', () => {
  let wire: WireServer;
  let said: Said = green;
  beforeAll(async () => {
    wire = await openWireOpenAi(() => said);
  });
  afterAll(() => wire.close());
  beforeEach(() => {
    said = green;
    wire.requests.length = 0;
    wire.manners.length = 0;
  });

  const account = (url = wire.url) => ({ openai: { apiKey: 'sk-test', baseUrl: `${url}/v1`, model: 'gpt-test' } });
  const rig = (options: Parameters<typeof chatRig>[1] = {}): Rig => chatRig(account(), options);
  const request = (): ChatRequest => wire.requests.at(-1)?.json as ChatRequest;

  it('answers as it speaks, with the tokens that its server counted', async () => {
    const { deltas, final } = await ask(rig().answerer);
    expect(deltas.slice(0, 2)).toEqual(['The kettle', ' is green']);
    expect(final).toMatchObject({
      text: 'The kettle is green [1].',
      citations: [{ document_id: 'doc-2', chunk_id: 'chunk-2', start: 200, score: 0.5, page_start: null }],
      degraded: false,
      reasonCode: null,
      provider: 'openai',
      model: 'gpt-test',
      attempts: 1,
      finishReason: 'stop',
      tokens: { input: 321, cached: 256, output: 45, reasoning: 12, estimated: false },
    });
    expect(wire.requests.at(-1)?.headers.authorization).toBe('Bearer sk-test');
  });

  it('is asked with one system message, the history once, and the question at the end', async () => {
    const history = [
      { role: 'user', content: 'Is there a kettle?' },
      { role: 'assistant', content: 'Yes [1].' },
    ] as const;
    await ask(rig({ temperature: 0.5 }).answerer, { history });
    const { messages, temperature, max_tokens: most } = request();
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
    expect(messages.slice(1).map(({ content }) => content)).toEqual([
      'Is there a kettle?',
      'Yes.',
      'Is the kettle green?',
    ]);
    expect([temperature, most]).toEqual([0.5, 256]);
  });

  it('estimates tokens where its server counts none', async () => {
    said = { ...green, usage: false };
    expect((await ask(rig().answerer)).final.tokens).toMatchObject({ output: 6, cached: 0, estimated: true });
  });

  it.each([
    null,
    {},
    [],
    'none',
    { prompt_tokens: null, completion_tokens: 4 },
    { prompt_tokens: 7, completion_tokens: 1.5 },
    { prompt_tokens: -5, completion_tokens: 4 },
    { prompt_tokens: '7', completion_tokens: 4 },
    { prompt_tokens: 7, completion_tokens: 1e300 },
  ])('estimates tokens where its server tells %j, and loses no word', async (counted) => {
    said = { ...green, counted };
    const { final } = await ask(rig().answerer);
    expect(final).toMatchObject({ text: 'The kettle is green [1].', tokens: { output: 6, estimated: true } });
    expect(Number.isSafeInteger(final.tokens.input)).toBe(true);
  });

  it('leaves out details of a count that are none', async () => {
    const details = {
      prompt_tokens_details: { cached_tokens: -1 },
      completion_tokens_details: { reasoning_tokens: 9 },
    };
    said = { ...green, counted: { prompt_tokens: 7, completion_tokens: 4, ...details } };
    const tokens = { input: 7, cached: 0, output: 4, reasoning: 4, estimated: false };
    expect((await ask(rig().answerer)).final.tokens).toEqual(tokens);
  });

  it.each<[string, unknown]>([
    ['no choices', { prompt_filter_results: [{ prompt_index: 0 }] }],
    ['null for choices', { choices: null, usage: null }],
    ['an empty list of choices', { choices: [] }],
    ['null for a choice', { choices: [null] }],
    ['a choice without a delta', { choices: [{ index: 0, finish_reason: null, content_filter_offsets: {} }] }],
    ['null for a delta', { choices: [{ index: 0, delta: null }] }],
    ['no words', { choices: [{ index: 0, delta: { content: null, refusal: '', tool_calls: [] }, finish_reason: '' }] }],
    ['what is no text', { choices: [{ index: 0, delta: { content: [{ type: 'thinking' }] } }] }],
    ['null', null],
  ])('is not troubled by a chunk with %s', async (_what, chunk) => {
    said = { ...green, odd: [chunk] };
    const { final } = await ask(rig().answerer);
    expect(final).toMatchObject({ text: 'The kettle is green [1].', finishReason: 'stop', tokens: { output: 45 } });
  });

  it.each(['reasoning_content', 'reasoning'])('is waited for while it thinks, as its %s says', async (name) => {
    const thoughts = Array.from({ length: 8 }, () => ({ [name]: 'Which passage? [3]', content: null }));
    said = { ...green, thoughts, everyMs: 100 };
    const deadlines = { firstMs: 500, idleMs: 500, totalMs: 10_000 };
    const { final } = await ask(rig({ deadlines }).answerer);
    expect(final).toMatchObject({ text: 'The kettle is green [1].', provider: 'openai', degraded: false });
  });

  it('gives way to the next model when it thought and said nothing', async () => {
    said = { words: [], thoughts: [{ reasoning: 'Hm.' }], finish: 'length' };
    const { final } = await ask(rig({ chain: ['openai', 'fake'] }).answerer);
    expect(final).toMatchObject({ provider: 'fake', attempts: 2 });
  });

  it.each([
    [100_000, 256],
    [100, 100],
  ])(
    'is asked for no more than the operator allows where a corpus wants %i tokens',
    async (max_output_tokens, most) => {
      const { final } = await ask(rig().answerer, { generation: { max_output_tokens } });
      expect([final.provider, request().max_tokens]).toEqual(['openai', most]);
    },
  );

  it('is asked for half of its window at most', async () => {
    const { final } = await ask(rig({ maxOutputTokens: 1_000_000 }).answerer);
    expect([final.provider, request().max_tokens]).toEqual(['openai', 16_000]);
  });

  it('says that an answer was as long as allowed', async () => {
    said = { ...green, finish: 'length' };
    expect((await ask(rig().answerer)).final).toMatchObject({ finishReason: 'length', degraded: false });
  });

  it('tells all that it says within the most tokens, which its server counts', async () => {
    const { final } = await ask(rig().answerer, { options: { maxOutputTokens: 5 } });
    expect(request().max_tokens).toBe(5);
    expect(final).toMatchObject({ text: 'The kettle is green [1].', finishReason: 'stop', citations: [{}] });
  });

  it('is cut where its server does not keep to the most tokens at all', async () => {
    said = { words: Array.from({ length: 200 }, (_, at) => `word-${at} `) };
    const { final } = await ask(rig().answerer, { options: { maxOutputTokens: 5 } });
    expect(final).toMatchObject({ finishReason: 'length', tokens: { output: 45 } });
    expect(final.text.length).toBeLessThan(400);
  });

  it('is cut before a stop sequence that its server does not know', async () => {
    const { final } = await ask(rig().answerer, { options: { stop: [' ['] } });
    expect(final).toMatchObject({ text: 'The kettle is green', finishReason: 'stop', citations: [] });
  });

  it.each<[string, Said, string]>([
    ['in its own words', { words: [], refusal: 'I cannot help with that.' }, 'I cannot help with that.'],
    ['without a word', { words: [], finish: 'content_filter' }, 'The model declined to answer this question.'],
  ])('passes on a refusal %s, and asks nobody else', async (_how, refusal, text) => {
    said = refusal;
    const { final } = await ask(rig({ chain: ['openai', 'fake'] }).answerer);
    expect(final).toMatchObject({ text, finishReason: 'refused', degraded: true, reasonCode: 'llm_refused' });
  });

  const failures: ChatFailure[] = [
    ...chatFailures,
    ['too many requests', limited, 'llm_rate_limit', llmErrors.limited, 'closed'],
  ];
  const quick = { deadlines: { firstMs: 2_000, idleMs: 1_000, totalMs: 10_000 } };

  it.each(failures)('quotes passages after %s, and says why', async (_what, manner, reason) => {
    wire.manners.push(manner);
    const { final } = await ask(rig(quick).answerer);
    expect(final).toMatchObject({ degraded: true, reasonCode: reason, provider: 'extractive', attempts: 2 });
    expect(final.text).toContain('The kettle is green.');
    await until('its socket is closed or idle', () => wire.openSockets <= 1);
  });

  it.each(failures)('ends with an error after %s where nothing may stand in', async (_what, manner, _reason, row) => {
    wire.manners.push(manner);
    await expect(ask(rig({ ...quick, fallback: undefined }).answerer)).rejects.toMatchObject({ row });
  });

  it.each(failures)('is followed by the next model after %s', async (_what, manner) => {
    wire.manners.push(manner);
    const { final } = await ask(rig({ ...quick, chain: ['openai:first', 'openai:second'] }).answerer);
    expect(final).toMatchObject({ model: 'second', attempts: 2, degraded: false });
  });

  it.each<[string, Manner, { code: string }]>([
    ['stops speaking', 'slow-tokens', llmErrors.timedOut],
    ['is cut off', 'drop-mid-stream', llmErrors.failed],
    ['says what can not be read', 'garbage-mid-stream', llmErrors.failed],
  ])(
    'ends with an error when it %s within its answer, and never goes on in the words of another',
    async (_what, manner, row) => {
      said = { words: Array.from({ length: 40 }, (_, at) => `word-${at} `) };
      wire.manners.push(manner);
      const deltas: string[] = [];
      const reading = async (): Promise<void> => {
        const { answerer } = rig({ ...quick, chain: ['openai', 'fake'] });
        for await (const part of answerer.answer({ tenantId: 'acme', question: 'Which?', history: [], passages }))
          if ('delta' in part) deltas.push(part.delta);
      };
      await expect(reading()).rejects.toMatchObject({ row });
      expect(deltas[0]).toBe('word-0');
      expect(deltas.join('')).not.toContain('fake');
    },
  );

  it('is tried again when its server asks for a moment that there is time for', async () => {
    wire.manners.push({ status: 429, headers: { 'retry-after': '0.05' } });
    const { answerer } = chatRig(account(), { fallback: undefined }, 2);
    expect((await ask(answerer)).final).toMatchObject({ provider: 'openai', attempts: 1 });
    wire.manners.push({ status: 429, headers: { 'retry-after': '3600' } });
    await expect(ask(answerer)).rejects.toMatchObject({ row: llmErrors.limited });
    expect(wire.requests).toHaveLength(3);
  });

  it.each(failures)('is left alone after %s only where it is ill', async (_what, manner, reason, row, left) => {
    const options = { deadlines: deadlinesFor(reason), fallback: undefined };
    const { answerer, state } = chatRig(account(), options, 1, 2);
    wire.manners.push(manner, manner);
    for (let time = 0; time < 2; time += 1) await expect(ask(answerer)).rejects.toMatchObject({ row });
    expect(await state(`llm.openai 127.0.0.1:${wire.port}`)).toBe(left);
    const { length: asked } = wire.requests;
    if (left === 'open') await expect(ask(answerer)).rejects.toMatchObject({ row: outboundErrors.open });
    else expect((await ask(answerer)).final.provider).toBe('openai');
    expect(wire.requests.length - asked).toBe(left === 'open' ? 0 : 1);
    expect((await ask(answerer, { tenantId: 'other' })).final.provider).toBe('openai');
  });

  it('is not asked any more once it failed often enough, for one tenant', async () => {
    const { answerer } = rig({ fallback: undefined });
    wire.manners.push(500, 500, 500);
    for (let time = 0; time < 3; time += 1)
      await expect(ask(answerer)).rejects.toMatchObject({ row: llmErrors.failed });
    const asked = wire.requests.length;
    await expect(ask(answerer)).rejects.toMatchObject({ row: outboundErrors.open });
    expect(wire.requests).toHaveLength(asked);
    expect((await ask(answerer, { tenantId: 'other' })).final.provider).toBe('openai');
  });

  it('is asked on however often one tenant has a wrong key', async () => {
    const { answerer } = rig({ fallback: undefined });
    wire.manners.push(401, 401, 401, 401);
    for (let time = 0; time < 4; time += 1)
      await expect(ask(answerer)).rejects.toMatchObject({ row: llmErrors.unauthenticated });
    expect((await ask(answerer)).final.provider).toBe('openai');
  });

  it('closes its connection when the caller leaves', async () => {
    wire.manners.push('hang');
    const leaving = new AbortController();
    const asked = ask(rig().answerer, { signal: leaving.signal });
    await until('it is asked', () => wire.openSockets > 0);
    leaving.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    await until('the socket is closed', () => wire.openSockets === 0);
  });

  it('prints nothing of what it says where that cannot be read', async () => {
    const printed: unknown[] = [];
    const note = (...what: unknown[]): boolean => printed.push(...what) > 0;
    const spies = [
      jest.spyOn(process.stderr, 'write').mockImplementation(note),
      jest.spyOn(process.stdout, 'write').mockImplementation(note),
      jest.spyOn(console, 'log').mockImplementation(note),
      jest.spyOn(console, 'warn').mockImplementation(note),
      jest.spyOn(console, 'error').mockImplementation(note),
    ];
    said = { ...green, raw: 'data: {"choices": canary-78\n\n' };
    const { final } = await ask(rig().answerer).finally(() => spies.forEach((spy) => spy.mockRestore()));
    expect(final).toMatchObject({ provider: 'extractive', reasonCode: 'llm_error' });
    expect(printed.map(String).join()).not.toContain('canary');
  });

  it('tells nothing of its key, of the question or of what its server said in what is logged', async () => {
    const printed = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const { answerer, failures: logged } = rig();
    wire.manners.push({ status: 401, json: { error: { message: 'Incorrect API key provided: sk-test' } } });
    await ask(answerer, { question: 'Where is canary-77?' });
    expect(logged.map(String).join()).toBe('LlmFailure: the model failed: auth (401)');
    wire.manners.push('garbage-mid-stream');
    await expect(ask(answerer)).rejects.toMatchObject({ row: llmErrors.failed });
    expect(printed).not.toHaveBeenCalled();
    printed.mockRestore();
  });
});
