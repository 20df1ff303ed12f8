import { newMeter } from '#infra/adapters/embedding/embedder.js';
import type { OutboundOptions } from '#infra/shared-state/outbound.js';
import type { Manner } from '#test/support/wire-server.js';
import { VertexEmbeddings, type VertexFlaw } from '#test/support/wire-vertex-embeddings.js';
import { codeOf, deadlineOf, embeddersOf } from './provider-rig.js';

const tenantId = 'acme';

describe('embeddings of Vertex AI', () => {
  const open: VertexEmbeddings[] = [];
  afterEach(async () => {
    for (const service of open.splice(0)) await service.close();
  });

  const rig = async (env: Record<string, string> = {}, outbound: OutboundOptions = {}) => {
    const service = await VertexEmbeddings.open();
    open.push(service);
    const { embedders, breaker } = embeddersOf(
      {
        EMBEDDING_PROVIDER: 'vertex',
        GOOGLE_CLOUD_PROJECT: 'p1',
        GOOGLE_CLOUD_LOCATION: 'europe-west4',
        GOOGLE_APPLICATION_CREDENTIALS: service.credentialsFile,
        VERTEX_EMBEDDING_BASE_URL: service.server.url,
        ...env,
      },
      outbound,
    );
    const state = (of = tenantId) => breaker.state({ tenantId: of, integration: 'embedding.vertex p1/europe-west4' });
    return { service, embedder: embedders.of(embedders.default), state };
  };
  /** A service whose token was fetched already, so that manners meet predictions. */
  const warm = async (env: Record<string, string> = {}, outbound: OutboundOptions = {}) => {
    const made = await rig(env, outbound);
    await made.embedder.embed(['warm'], { tenantId });
    return made;
  };

  it('gives vectors of length 1 by the workload’s own credentials, and says what each text is for', async () => {
    const { service, embedder } = await rig();
    const meter = newMeter();
    const vectors = await embedder.embed(['heat transfer', 'a wing in flow'], { tenantId, meter });
    for (const vector of vectors) {
      expect(vector).toHaveLength(768);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    }
    expect(vectors[0]).not.toEqual(vectors[1]);
    await embedder.embed(['what is heat?'], { tenantId, purpose: 'query' });
    const tasks = service.asked.map(({ instances }) => instances[0]?.task_type);
    expect(tasks).toEqual(['RETRIEVAL_DOCUMENT', 'RETRIEVAL_QUERY']);
    expect(meter).toEqual({ tokens: 6, truncated: 0, requests: 1 });
  });

  it('asks for the dimension that is configured', async () => {
    const { service, embedder } = await rig({ EMBEDDING_DIMENSION: '256' });
    expect((await embedder.embed(['one'], { tenantId }))[0]).toHaveLength(256);
    expect(service.asked[0]?.parameters).toMatchObject({ outputDimensionality: 256 });
  });

  it('counts texts that the model did not read to their end', async () => {
    const { embedder } = await rig({ EMBEDDING_INPUT_TOKENS: '100000' });
    const meter = newMeter();
    await embedder.embed(['short', 'long '.repeat(2_000)], { tenantId, meter });
    expect(meter.truncated).toBe(1);
  });

  it.each<[Manner, string, 'closed' | 'open']>([
    [401, 'EMBEDDING_AUTH_ERROR', 'closed'],
    [403, 'EMBEDDING_AUTH_ERROR', 'closed'],
    [404, 'EMBEDDING_MODEL_NOT_FOUND', 'closed'],
    [400, 'EMBEDDING_REFUSED', 'closed'],
    [429, 'EMBEDDING_RATE_LIMITED', 'closed'],
    [500, 'EMBEDDING_ERROR', 'open'],
    ['drop', 'EMBEDDING_ERROR', 'open'],
    ['drop-mid-stream', 'EMBEDDING_ERROR', 'open'],
    ['garbage', 'EMBEDDING_ERROR', 'open'],
    ['garbage-body', 'EMBEDDING_ERROR', 'open'],
    ['slow-headers', 'INTEGRATION_TIMEOUT', 'open'],
    ['hang', 'INTEGRATION_TIMEOUT', 'open'],
    ['slow-tokens', 'INTEGRATION_TIMEOUT', 'open'],
  ])('says of %p %s, and leaves the breaker %s', async (manner, code, left) => {
    const { service, embedder, state } = await warm({ EMBEDDING_TIMEOUT_MS: deadlineOf(code) });
    service.server.manners.push(manner, manner);
    expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe(code);
    expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe(code);
    expect(await state()).toBe(left);
    expect(await state('other')).toBe('closed');
    const { length: asked } = service.asked;
    const after = embedder.embed(['one'], { tenantId });
    if (left === 'open') expect(await codeOf(after)).toBe('INTEGRATION_UNAVAILABLE');
    else expect(await after).toHaveLength(1);
    expect(service.asked.length - asked).toBe(left === 'open' ? 0 : 1);
    expect(await embedder.embed(['one'], { tenantId: 'other' })).toHaveLength(1);
  });

  it.each<[VertexFlaw, string]>([
    ['dimension', 'EMBEDDING_DIMENSION_MISMATCH'],
    ['null', 'EMBEDDING_INVALID'],
    ['few', 'EMBEDDING_INVALID'],
  ])('takes no vectors with the flaw %s', async (flaw, code) => {
    const { service, embedder } = await warm();
    service.flaws.push(flaw);
    expect(await codeOf(embedder.embed(['one', 'two'], { tenantId }))).toBe(code);
  });

  it('waits as long as the error asks for, and tries again', async () => {
    const { service, embedder } = await warm({}, { attempts: 2 });
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0s' }];
    service.server.manners.push({ status: 429, json: { error: { code: 429, status: 'RESOURCE_EXHAUSTED', details } } });
    expect(await embedder.embed(['one'], { tenantId })).toHaveLength(1);
    expect(service.server.requests).toHaveLength(4);
  });

  it.each([{}, { headers: { 'retry-after': '60' } }])(
    'repeats no 429 without a delay in its body: %j',
    async (head) => {
      const { service, embedder } = await warm({}, { attempts: 3 });
      service.server.manners.push({ status: 429, ...head });
      expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe('EMBEDDING_RATE_LIMITED');
      expect(service.server.requests).toHaveLength(3);
    },
  );

  it('fails by name when the workload is not trusted, or its credentials are not there', async () => {
    const { service, embedder, state } = await rig();
    service.trusted = false;
    expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe('EMBEDDING_AUTH_ERROR');
    const missing = await rig({ GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/credentials.json' });
    expect(await codeOf(missing.embedder.embed(['one'], { tenantId }))).toBe('EMBEDDING_AUTH_ERROR');
    expect(await state()).toBe('closed');
  });

  it('fails by name without a project', async () => {
    const { embedder } = await rig({ GOOGLE_CLOUD_PROJECT: '' });
    expect(await codeOf(embedder.embed(['one'], { tenantId }))).toBe('EMBEDDING_CONFIG_MISSING');
  });
});
