import type { CorpusEmbeddingView } from '#api/capabilities/corpora/corpora.contract.js';
import { OpenAiEmbeddings } from '#test/support/wire-openai-embeddings.js';
import { ingested, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const KEY = 'sk-wire-0123456789';
const MODEL = 'bge-small';

describe('a corpus that gets another model', () => {
  let service: OpenAiEmbeddings;
  let server: TestServer;
  let tenant: TestTenant;

  beforeAll(async () => {
    service = await OpenAiEmbeddings.open({ key: KEY, models: { [MODEL]: 64, wide: 2_304 } });
    server = await openTestServer({
      OPENAI_BASE_URL: service.baseUrl,
      OPENAI_API_KEY: KEY,
      OPENAI_EMBEDDING_MODEL: MODEL,
      EMBEDDING_MODELS: `openai:${MODEL}:64,openai:wide:2304,openai:gone:64`,
      EXT_RETRY_MAX_ATTEMPTS: '1',
    });
  });
  afterAll(async () => {
    await server.stop();
    await service.close();
  });
  beforeEach(async () => {
    tenant = await server.tenant();
    await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
  });

  const add = async (id: string, text: string): Promise<void> => {
    const accepted = await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', document_id: id, text });
    expect(accepted.status).toBe(202);
  };
  const embedding = async (): Promise<CorpusEmbeddingView> =>
    ((await tenant.reader.get('/v1/corpora/c1')).data as { embedding: CorpusEmbeddingView }).embedding;
  const change = (to: object) => tenant.editor.patch('/v1/corpora/c1', { embedding_json: to });
  const settled = (model: string, status = 'ready') =>
    until(`the corpus is searched by ${model}`, async () => {
      const now = await embedding();
      return now.model === model && now.status === status;
    });
  const find = async (query: string): Promise<string[]> => {
    const { tenantId } = tenant;
    return (await server.platform.search.retrieve({ tenantId, corpusId: 'c1', query, k: 3 })).map(({ text }) => text);
  };
  const vectors = (dimension: number): Promise<{ versions: number }[]> =>
    server.platform.database.query(
      `select count(*)::int as versions from retrieval.version v join retrieval.version_space using (version_no)
         join retrieval.space s using (space_no) where v.tenant_id = $1 and s.dimension = $2`,
      [tenant.tenantId, dimension],
    );

  it('answers from the old one until all is embedded, then from the new one at once', async () => {
    await add('a', 'The kettle is green.');
    await ingested(tenant.reader, 'a');
    const release = Promise.withResolvers<void>();
    service.held = release.promise;
    const began = await change({ provider: 'openai', model: MODEL });
    expect(began).toMatchObject({
      status: 200,
      data: { embedding: { provider: 'hashing', status: 'reembedding', next: { model: MODEL, dimension: 64 } } },
    });
    expect(await find('green kettle')).toEqual(['The kettle is green.']);
    expect(await embedding()).toMatchObject({ next: { progress: { versions: 1, embedded: 0 } } });
    const asked = service.server.requests.length;
    await add('b', 'The lamp is red.');
    await until('both are asked for', () => service.server.requests.length > asked);
    service.held = undefined;
    release.resolve();
    await ingested(tenant.reader, 'b');
    await settled(MODEL);
    expect(await vectors(64)).toEqual([{ versions: 2 }]);
    expect((await find('the red lamp'))[0]).toBe('The lamp is red.');
    await add('c', 'The door is blue.');
    await ingested(tenant.reader, 'c');
    expect(await vectors(64)).toEqual([{ versions: 3 }]);
    const [choice] = [{ provider: 'openai', model: MODEL, dimension: 64 } as const];
    const dropped = await server.platform.reembedding.keepOnly({ tenantId: tenant.tenantId, corpusId: 'c1' }, [choice]);
    expect(dropped).toBe(3);
    expect(await vectors(384)).toEqual([{ versions: 0 }]);
    expect((await find('the blue door'))[0]).toBe('The door is blue.');
    await add('d', 'The roof is flat.');
    await ingested(tenant.reader, 'd');
    expect([await vectors(64), await vectors(384)]).toEqual([[{ versions: 4 }], [{ versions: 0 }]]);
  });

  it('takes a large version part by part, goes on where it stopped, and drops what was not to come to an end', async () => {
    const paragraphs = Array.from(
      { length: 600 },
      (_, at) => `Kettle number ${at} is ${at % 7 === 0 ? 'green' : 'blue'}.`,
    );
    const accepted = await tenant.editor.post('/v1/documents/text', {
      ...{ corpus_id: 'c1', document_id: 'large', text: paragraphs.join('\n\n'), chunk_size_chars: 40 },
      chunk_overlap_chars: 0,
    });
    expect(accepted.status).toBe(202);
    await ingested(tenant.reader, 'large');
    const { reembedding, database } = server.platform;
    const place = { tenantId: tenant.tenantId, corpusId: 'c1' };
    const choice = { provider: 'openai', model: MODEL, dimension: 64 } as const;
    const { signal } = new AbortController();
    const below = () =>
      database.query(
        `select embedded_below from retrieval.version v join retrieval.version_space using (version_no)
           join retrieval.space s using (space_no) where v.tenant_id = $1 and s.dimension = 64`,
        [tenant.tenantId],
      );

    await reembedding.begin(place, choice);
    expect(await reembedding.advance(place, choice, signal)).toBe(true);
    expect(await below()).toEqual([{ embedded_below: 256 }]);
    expect(await reembedding.progress(place, choice)).toEqual({ versions: 1, embedded: 0, chunks: 600 });
    expect(await reembedding.keepOnly(place, [{ provider: 'hashing', model: 'hashing-v1', dimension: 384 }])).toBe(1);
    expect(await below()).toEqual([]);
    await expect(reembedding.advance(place, choice, signal)).rejects.toThrow('gets no vectors of the model');

    await reembedding.begin(place, choice);
    const before = service.embedded.length;
    await reembedding.advance(place, choice, signal);
    await change({ provider: 'openai' });
    await settled(MODEL);
    expect(await below()).toEqual([{ embedded_below: null }]);
    expect(service.embedded.slice(before).sort()).toEqual(
      paragraphs.map((text, at) => (at === 0 ? text : `${paragraphs[0]}\n${text}`)).sort(),
    );
    expect((await find('kettle number 599'))[0]).toBe(paragraphs[599]);
  });

  it('embeds documents of one chunk together, as many in a request as the model takes', async () => {
    const ids = Array.from({ length: 64 }, (_, at) => `d${at}`);
    for (const id of ids) await add(id, `Document ${id} tells of a kettle.`);
    for (const id of ids) await ingested(tenant.reader, id);
    const before = service.server.requests.length;
    await change({ provider: 'openai' });
    await settled(MODEL);
    expect(service.server.requests.length - before).toBe(1);
    expect(await vectors(64)).toEqual([{ versions: 64 }]);
    expect((await find('document d63'))[0]).toBe('Document d63 tells of a kettle.');
  });

  it('keeps the old one when the new one fails, and says why', async () => {
    await add('a', 'The kettle is green.');
    await ingested(tenant.reader, 'a');
    expect(await change({ provider: 'openai', model: 'gone' })).toMatchObject({ status: 200 });
    await settled('hashing-v1', 'failed');
    expect(await embedding()).toMatchObject({ failure: { model: 'gone', reason: 'EMBEDDING_MODEL_NOT_FOUND' } });
    expect(await find('kettle')).toEqual(['The kettle is green.']);
    await add('b', 'The lamp is red.');
    await ingested(tenant.reader, 'b');
    expect(await vectors(384)).toEqual([{ versions: 2 }]);
    expect(await change({ provider: 'openai' })).toMatchObject({ data: { embedding: { failure: null } } });
    await settled(MODEL);
  });

  it('has vectors of half precision where they are too long for an index otherwise', async () => {
    await add('a', 'The kettle is green.');
    await ingested(tenant.reader, 'a');
    await change({ provider: 'openai', model: 'wide' });
    await settled('wide');
    expect(await vectors(2_304)).toEqual([{ versions: 1 }]);
    expect(await find('kettle')).toEqual(['The kettle is green.']);
  });

  it('embeds nothing again that it has embedded', async () => {
    await change({ provider: 'openai' });
    await settled(MODEL);
    await add('a', 'The kettle is green.\n\nThe lamp is red.');
    await ingested(tenant.reader, 'a');
    const before = service.embedded.length;
    const again = await tenant.editor.post('/v1/documents/a/reindex', {});
    expect(again.status).toBe(202);
    await until('it is indexed again', async () => {
      const { data } = await tenant.reader.get('/v1/documents/a');
      return (data as { last_reindexed_at: string | null }).last_reindexed_at !== null;
    });
    expect(service.embedded).toHaveLength(before);
    await add('b', 'The kettle is green.\n\nThe lamp is red.');
    await ingested(tenant.reader, 'b');
    expect(service.embedded).toHaveLength(before);
    await find('which lamp?');
    await find('which lamp?');
    expect(service.embedded).toHaveLength(before + 1);
  });

  it('is refused a model that is not offered, and a second change during one', async () => {
    expect(await change({ provider: 'openai', model: 'secret-model' })).toMatchObject({
      status: 422,
      body: { error: { code: 'EMBEDDING_MODEL_UNKNOWN' } },
    });
    expect(await change({ provider: 'openai', model: MODEL, dimension: 65 })).toMatchObject({ status: 422 });
    await add('a', 'The kettle is green.');
    await ingested(tenant.reader, 'a');
    const release = Promise.withResolvers<void>();
    service.held = release.promise;
    await change({ provider: 'openai' });
    const second = await change({ provider: 'fake' });
    service.held = undefined;
    release.resolve();
    expect(second).toMatchObject({ status: 409, body: { error: { code: 'REEMBED_IN_PROGRESS' } } });
    await settled(MODEL);
  });

  it('is refused to a plan that does not include the change', async () => {
    const poor = await server.tenant({ plan: 'free' });
    await poor.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    expect(await poor.editor.patch('/v1/corpora/c1', { embedding_json: { provider: 'fake' } })).toMatchObject({
      status: 403,
      body: { error: { code: 'FEATURE_NOT_ENABLED' } },
    });
  });
});
