import { llmErrors } from '#infra/adapters/llm/llm-failure.js';
import { outboundErrors } from '#infra/shared-state/outbound.js';
import { until } from '../support/until.js';
import { WireGemini, type GeminiSaid } from '../support/wire-gemini.js';
import type { Manner } from '../support/wire-server.js';
import { ask, chatFailures, chatRig, deadlinesFor, limited, passages, type ChatFailure, type Rig } from './chat-rig.js';

const green: GeminiSaid = { words: ['The kettle ', 'is green [', '3].'] };

describe('Gemini on Vertex AI', () => {
  let wire: WireGemini;
  beforeAll(async () => {
    wire = await WireGemini.open();
  });
  afterAll(() => wire.close());
  beforeEach(() => {
    Object.assign(wire, { said: green, trusted: true });
    wire.server.requests.length = 0;
    wire.server.manners.length = 0;
  });

  const rig = (options: Parameters<typeof chatRig>[1] = {}, attempts = 1, threshold = 3): Rig => {
    const { credentialsFile, server } = wire;
    const account = { project: 'p1', location: 'europe-west4', credentialsFile, endpoint: server.url };
    const vertex = { ...account, model: 'gemini-test' };
    return chatRig({ vertex }, { chain: ['vertex'], ...options }, attempts, threshold);
  };
  /** One whose next request is not the one for its token. */
  const ready = async (...asked: Parameters<typeof rig>): Promise<Rig> => {
    const made = rig(...asked);
    await ask(made.answerer);
    wire.server.requests.length = 0;
    return made;
  };

  it('answers as it speaks, with the tokens that it counted, and keeps its thoughts to itself', async () => {
    wire.said = { ...green, thought: 'Which passage was it? [1]' };
    const { deltas, final } = await ask(rig().answerer);
    expect(deltas.length).toBeGreaterThan(1);
    expect(final).toMatchObject({
      text: 'The kettle is green [1].',
      citations: [{ chunk_id: 'chunk-3' }],
      degraded: false,
      provider: 'vertex',
      model: 'gemini-test',
      tokens: { input: 210, cached: 100, output: 27, reasoning: 7, estimated: false },
    });
  });

  it('is asked with its instructions apart, and the conversation in turns', async () => {
    const history = [
      { role: 'user', content: 'Is there a kettle?' },
      { role: 'assistant', content: 'Yes.' },
    ] as const;
    await ask(rig({ temperature: 0 }).answerer, { history });
    const [asked] = wire.asked;
    expect(asked?.systemInstruction?.parts[0]?.text).toContain('⟪passage 3⟫');
    expect(asked?.contents.map(({ role, parts }) => [role, parts[0]?.text])).toEqual([
      ['user', 'Is there a kettle?'],
      ['model', 'Yes.'],
      ['user', 'Is the kettle green?'],
    ]);
    expect(asked?.generationConfig).toMatchObject({ maxOutputTokens: 256, temperature: 0 });
  });

  it('is told how freely it may choose, and where to end', async () => {
    await ask(rig().answerer, { options: { topP: 0.5, stop: ['END'] } });
    expect(wire.asked[0]?.generationConfig).toMatchObject({ topP: 0.5, stopSequences: ['END'] });
    await ask(rig().answerer);
    expect(Object.keys(wire.asked[1]?.generationConfig ?? {})).toEqual(['maxOutputTokens']);
  });

  it.each<[string, GeminiSaid]>([
    ['its question', { words: [], blocked: 'SAFETY' }],
    ['its answer', { words: [], finish: 'SAFETY' }],
  ])('declines where %s is blocked, and nobody else is asked', async (_what, said) => {
    wire.said = said;
    const { final } = await ask(rig({ chain: ['vertex', 'fake'] }).answerer);
    expect(final).toMatchObject({ finishReason: 'refused', degraded: true, reasonCode: 'llm_refused' });
    expect(final.text).toBe('The model declined to answer this question.');
  });

  it.each([
    null,
    {},
    { promptTokenCount: 210 },
    { promptTokenCount: -5, candidatesTokenCount: 20 },
    { promptTokenCount: 210, candidatesTokenCount: 1.5 },
    { promptTokenCount: 210, candidatesTokenCount: '20' },
  ])('estimates tokens where it tells %j, and loses no word', async (counted) => {
    wire.said = { ...green, counted };
    const { final } = await ask(rig().answerer);
    expect(final).toMatchObject({ text: 'The kettle is green [1].', tokens: { output: 6, estimated: true } });
  });

  it('says that an answer was as long as allowed', async () => {
    wire.said = { ...green, finish: 'MAX_TOKENS' };
    expect((await ask(rig().answerer)).final).toMatchObject({ finishReason: 'length', degraded: false });
  });

  const quick = { deadlines: { firstMs: 2_500, idleMs: 1_000, totalMs: 10_000 } };
  const failures: ChatFailure[] = [
    ...chatFailures,
    ['too many requests', 429, 'llm_rate_limit', llmErrors.limited, 'closed'],
    ['a limit with a time that is not read', limited, 'llm_rate_limit', llmErrors.limited, 'closed'],
  ];

  it.each(failures)('gives way to quotations, or ends with an error, after %s', async (_what, manner, reason, row) => {
    const lenient = await ready(quick);
    wire.server.manners.push(manner);
    expect((await ask(lenient.answerer)).final).toMatchObject({ degraded: true, reasonCode: reason });
    const strict = await ready({ ...quick, fallback: undefined });
    wire.server.manners.push(manner);
    await expect(ask(strict.answerer)).rejects.toMatchObject({ row });
    expect(lenient.outbound.inFlight('llm.vertex p1/europe-west4')).toBe(0);
  });

  const integration = 'llm.vertex p1/europe-west4';

  it.each(failures)('is left alone after %s only where it is ill', async (_what, manner, reason, row, left) => {
    const { answerer, state } = await ready({ deadlines: deadlinesFor(reason), fallback: undefined }, 1, 2);
    wire.server.manners.push(manner, manner);
    for (let time = 0; time < 2; time += 1) await expect(ask(answerer)).rejects.toMatchObject({ row });
    expect(await state(integration)).toBe(left);
    const { length: asked } = wire.asked;
    if (left === 'open') await expect(ask(answerer)).rejects.toMatchObject({ row: outboundErrors.open });
    else expect((await ask(answerer)).final.provider).toBe('vertex');
    expect(wire.asked.length - asked).toBe(left === 'open' ? 0 : 1);
    expect((await ask(answerer, { tenantId: 'other' })).final.provider).toBe('vertex');
  });

  it.each(failures)('is followed by the next model after %s', async (_what, manner, reason) => {
    const { answerer } = await ready({ deadlines: deadlinesFor(reason), chain: ['vertex', 'fake'] });
    wire.server.manners.push(manner);
    expect((await ask(answerer)).final).toMatchObject({ provider: 'fake', attempts: 2, degraded: false });
  });

  it('is tried again only when the error says when', async () => {
    const { answerer } = await ready({ fallback: undefined }, 2);
    wire.server.manners.push({ status: 429, headers: { 'retry-after': '60' } });
    await expect(ask(answerer)).rejects.toMatchObject({ row: llmErrors.limited });
    expect(wire.server.requests).toHaveLength(1);
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0.05s' }];
    wire.server.manners.push({ status: 429, json: { error: { code: 429, status: 'RESOURCE_EXHAUSTED', details } } });
    expect((await ask(answerer)).final).toMatchObject({ provider: 'vertex', attempts: 1 });
    expect(wire.server.requests).toHaveLength(3);
  });

  it('does not answer with credentials that their issuer refuses', async () => {
    wire.trusted = false;
    await expect(ask(rig({ fallback: undefined }).answerer)).rejects.toMatchObject({ row: llmErrors.unauthenticated });
  });

  it.each<[string, Manner, { code: string }, string]>([
    ['is cut off', 'drop-mid-stream', llmErrors.failed, 'llm_error'],
    ['stops speaking', 'slow-tokens', llmErrors.timedOut, 'llm_timeout'],
    ['says what can not be read', 'garbage-mid-stream', llmErrors.failed, 'llm_error'],
  ])('ends with an error when it %s within its answer', async (_what, manner, row, reason) => {
    wire.said = { words: Array.from({ length: 40 }, (_, at) => `word-${at} `) };
    const deadlines = deadlinesFor(reason);
    const { answerer, state } = await ready({ deadlines, chain: ['vertex', 'fake'] }, 1, 1);
    wire.server.manners.push(manner);
    const deltas: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const part of answerer.answer({ tenantId: 'acme', question: 'Which?', history: [], passages }))
        if ('delta' in part) deltas.push(part.delta);
    };
    await expect(reading()).rejects.toMatchObject({ row });
    expect(deltas[0]).toBe('word-0');
    expect(deltas.join('')).not.toContain('fake');
    expect(await state(integration)).toBe('open');
  });

  it('closes its connection when the caller leaves', async () => {
    const { answerer } = await ready();
    const idle = wire.server.openSockets;
    wire.server.manners.push('slow-headers');
    const leaving = new AbortController();
    const asked = ask(answerer, { signal: leaving.signal });
    await until('it is asked', () => wire.server.requests.length > 0);
    leaving.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    await until('the socket is closed', () => wire.server.openSockets < idle || wire.server.openSockets === 0);
  });
});
