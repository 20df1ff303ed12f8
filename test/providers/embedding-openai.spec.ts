import { newMeter } from '#infra/adapters/embedding/embedder.js';
import type { OutboundOptions } from '#infra/shared-state/outbound.js';
import type { Manner } from '#test/support/wire-server.js';
import { OpenAiEmbeddings, type Flaw, type OpenAiEmbeddingsOptions } from '#test/support/wire-openai-embeddings.js';
import { codeOf, deadlineOf, embeddersOf } from './provider-rig.js';

const tenantId = 'acme';
const KEY = 'sk-wire-0123456789';

describe('embeddings of an OpenAI-compatible server', () => {
  const open: OpenAiEmbeddings[] = [];
  afterEach(async () => {
    for (const service of open.splice(0)) await service.close();
  });

  const rig = async (
    options: OpenAiEmbeddingsOptions = {},
    env: Record<string, string> = {},
    outbound: OutboundOptions = {},
  ) => {
    const service = await OpenAiEmbeddings.open({ key: KEY, ...options });
    open.push(service);
    const all = { EMBEDDING_PROVIDER: 'openai', OPENAI_BASE_URL: service.baseUrl, OPENAI_API_KEY: KEY, ...env };
    const { embedders, breaker } = embeddersOf(all, outbound);
    const integration = `embedding.openai ${new URL(service.baseUrl).host}`;
    const state = (of = tenantId) => breaker.state({ tenantId: of, integration });
    return { service, embedders, embedder: embedders.of(embedders.default), state };
  };
  const length = (vector: Float32Array | undefined): number => Math.hypot(...(vector ?? [0]));

  it.each(['base64', 'float'])('gives a vector of length 1 for each text, in order, over %s', async (encoding) => {
    const { service, embedder } = await rig({}, { OPENAI_EMBEDDING_ENCODING: encoding });
    const meter = newMeter();
    const [first, second, blank] = await embedder.embed(['heat transfer', 'a wing in flow', '  '], { tenantId, meter });
    const [alone] = await embedder.embed(['a wing in flow'], { tenantId });
    expect(second).toEqual(alone);
    expect(second).not.toEqual(first);
    for (const vector of [first, second, blank]) {
      expect(vector).toHaveLength(1_536);
      expect(length(vector)).toBeCloseTo(1, 5);
    }
    expect(meter).toEqual({ tokens: 6, truncated: 0, requests: 1 });
    expect(service.asked[0]).toMatchObject({ model: 'text-embedding-3-small', encoding_format: encoding });
    expect(service.asked[0]).not.toHaveProperty('dimensions');
  });

  it('asks for shorter vectors only of a model that makes them', async () => {
    const { service, embedder } = await rig({}, { EMBEDDING_DIMENSION: '256' });
    expect((await embedder.embed(['one'], { tenantId }))[0]).toHaveLength(256);
    expect(service.asked[0]).toMatchObject({ dimensions: 256 });
    const models = { 'bge-m3': 8 };
    const own = await rig({ models }, { OPENAI_EMBEDDING_MODEL: 'bge-m3', EMBEDDING_DIMENSION: '8' });
    await own.embedder.embed(['one'], { tenantId });
    expect(own.service.asked[0]).not.toHaveProperty('dimensions');
  });

  it('sends no credential to a server of one’s own that asks for none', async () => {
    const { service, embedder } = await rig({}, { OPENAI_API_KEY: '' });
    expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe('EMBEDDING_AUTH_ERROR');
    expect(service.server.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it.each<[Manner, string, 'closed' | 'open']>([
    [401, 'EMBEDDING_AUTH_ERROR', 'closed'],
    [403, 'EMBEDDING_AUTH_ERROR', 'closed'],
    [404, 'EMBEDDING_MODEL_NOT_FOUND', 'closed'],
    [400, 'EMBEDDING_REFUSED', 'closed'],
    [429, 'EMBEDDING_RATE_LIMITED', 'closed'],
    [500, 'EMBEDDING_ERROR', 'open'],
    [503, 'EMBEDDING_ERROR', 'open'],
    ['drop', 'EMBEDDING_ERROR', 'open'],
    ['drop-mid-stream', 'EMBEDDING_ERROR', 'open'],
    ['garbage', 'EMBEDDING_ERROR', 'open'],
    ['garbage-body', 'EMBEDDING_ERROR', 'open'],
    ['slow-headers', 'INTEGRATION_TIMEOUT', 'open'],
    ['hang', 'INTEGRATION_TIMEOUT', 'open'],
    ['slow-tokens', 'INTEGRATION_TIMEOUT', 'open'],
  ])('says of %p %s, and leaves the breaker %s', async (manner, code, left) => {
    const { service, embedder, state } = await rig({}, { EMBEDDING_TIMEOUT_MS: deadlineOf(code) });
    service.server.manners.push(manner, manner);
    expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe(code);
    expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe(code);
    expect(await state()).toBe(left);
    expect(await state('other')).toBe('closed');
    const after = embedder.embed(['one'], { tenantId });
    if (left === 'open') expect(await codeOf(after)).toBe('INTEGRATION_UNAVAILABLE');
    else expect(await after).toHaveLength(1);
    expect(await embedder.embed(['one'], { tenantId: 'other' })).toHaveLength(1);
  });

  it.each<[Flaw, string]>([
    ['dimension', 'EMBEDDING_DIMENSION_MISMATCH'],
    ['nan', 'EMBEDDING_INVALID'],
    ['few', 'EMBEDDING_INVALID'],
    ['text', 'EMBEDDING_ERROR'],
  ])('takes no vectors with the flaw %s', async (flaw, code) => {
    const { service, embedder } = await rig();
    service.flaws.push(flaw);
    expect(await codeOf(embedder.embed(['one', 'two'], { tenantId }))).toBe(code);
  });

  it('waits as long as a rate limit asks for, and tries again', async () => {
    const { service, embedder, state } = await rig({}, {}, { attempts: 2 });
    service.server.manners.push({ status: 429, headers: { 'retry-after': '0' } }, 'behave');
    expect(await embedder.embed(['one'], { tenantId })).toHaveLength(1);
    expect(service.server.requests).toHaveLength(2);
    expect(await state()).toBe('closed');
  });

  it('tells how long to wait when it may not wait that long itself', async () => {
    const { service, embedder } = await rig({}, {}, { attempts: 2 });
    service.server.manners.push({ status: 429, headers: { 'retry-after': '7' } });
    await expect(embedder.embed(['one'], { tenantId })).rejects.toMatchObject({ details: { retry_after_ms: 7_000 } });
    expect(service.server.requests).toHaveLength(1);
  });

  it('sends no more texts in one request than are taken, and halves what is refused as too long', async () => {
    const { service, embedder } = await rig({ mostInputs: 8, mostCharacters: 60 }, { EMBEDDING_BATCH_ITEMS: '16' });
    const texts = Array.from({ length: 40 }, (_, at) => `text number ${at}`);
    const vectors = await embedder.embed(texts, { tenantId });
    expect([...service.embedded].sort()).toEqual([...texts].sort());
    const [last] = await embedder.embed([texts[39] ?? ''], { tenantId });
    expect(vectors[39]).toEqual(last);
    expect(service.asked.every(({ input }) => input.length <= 16)).toBe(true);
  });

  it('cuts a text that the model cannot read to its end, and counts it', async () => {
    const meter = newMeter();
    const { service, embedder } = await rig({ mostCharacters: 100 });
    expect(await embedder.embed(['word '.repeat(50)], { tenantId, meter })).toHaveLength(1);
    expect(meter.truncated).toBe(1);
    expect(service.embedded[0]?.length).toBeLessThanOrEqual(100);
  });

  it('cuts by the model’s own tokens where they are known', async () => {
    const meter = newMeter();
    const { service, embedder } = await rig({}, { EMBEDDING_INPUT_TOKENS: '5' });
    await embedder.embed(['one two three four five six seven', 'one two three'], { tenantId, meter });
    expect(service.embedded).toEqual(['one two three four five', 'one two three']);
    expect(meter.truncated).toBe(1);
  });

  it('keeps to the bound of requests that are under way at once', async () => {
    const env = { EMBEDDING_BATCH_ITEMS: '1', EMBEDDING_PARALLEL: '3' };
    const { service, embedder } = await rig({}, env);
    expect(
      await embedder.embed(
        Array.from({ length: 12 }, (_, at) => `t${at}`),
        { tenantId },
      ),
    ).toHaveLength(12);
    expect(service.mostAtOnce).toBeLessThanOrEqual(3);
    expect(service.mostAtOnce).toBeGreaterThan(1);
  });

  it('stops when its caller leaves', async () => {
    const { service, embedder, state } = await rig();
    service.server.manners.push('slow-headers');
    const leaving = new AbortController();
    const asked = embedder.embed(['one'], { tenantId, signal: leaving.signal });
    leaving.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    expect(await state()).toBe('closed');
  });

  it('fails by name without an account, and never falls back to vectors of another space', async () => {
    const { embedders } = embeddersOf({ EMBEDDING_PROVIDER: 'openai' });
    const embedder = embedders.of(embedders.default);
    expect(embedder).toMatchObject({ model: 'openai:text-embedding-3-small', dimension: 1_536 });
    expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe('EMBEDDING_CONFIG_MISSING');
  });
});
