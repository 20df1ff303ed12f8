import { corpora } from '#domain/capabilities/corpora/corpora.decider.js';
import { idFor, newId } from '#infra/commands/ids.js';
import { openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

const retrieval = { provider: 'local_pgvector' };
const bedrock = (id: string) => ({
  retrieval: { provider: 'aws_bedrock_kb', region: 'eu-west-1', knowledge_base_id: id },
});

describe('what a corpus may name', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({
      LLM_CHAIN: 'openai:main,vertex',
      LLM_MODELS: 'openai:other',
      EXTERNAL_STORES_ALLOWED: '*=aws_bedrock_kb/eu-west-1/SHARED',
    });
  }, 240_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  const create = (config: object, id = 'c1') =>
    tenant.editor.post('/v1/corpora', { id, name: id, provider_config_json: config });
  const written = async (config: object): Promise<void> => {
    const { tenantId } = tenant;
    const facts = {
      tenantId,
      actor: { type: 'system', id: 'test', role: null },
      now: new Date().toISOString(),
    } as const;
    const data = { corpusId: 'c1', name: 'c1', providerConfig: config as Record<string, never> };
    const ids = { commandId: newId(), newId: newId(), requestId: null };
    const streamId = idFor('corpora', tenantId, 'c1');
    await server.platform.path.run(corpora, streamId, { type: 'CreateCorpus', data }, { ...facts, ...ids });
  };

  it('are the models that are offered; another one is refused for its field when it is written', async () => {
    const offered = { retrieval, generation: { chain: ['openai:other', 'vertex', 'extractive'] } };
    expect((await create(offered)).status).toBe(201);
    const wrong = { retrieval, generation: { chain: ['openai:main', 'openai:mistyped'] } };
    const refused = {
      status: 422,
      code: 'VALIDATION_ERROR',
      body: {
        error: {
          details: {
            errors: [expect.objectContaining({ loc: ['body', 'provider_config_json', 'generation', 'chain', 1] })],
          },
        },
      },
    };
    expect(await create(wrong, 'c2')).toMatchObject(refused);
    const patched = await tenant.editor.patch('/v1/corpora/c1', { provider_config_json: wrong });
    expect(patched).toMatchObject(refused);
    expect(patched.text).not.toContain('mistyped');
    expect((await tenant.reader.get('/v1/corpora/c1')).data).toMatchObject({ provider_config_json: offered });
  });

  it('are the stores that the operator lists; another one is refused when it is written', async () => {
    expect((await create(bedrock('SHARED'))).status).toBe(201);
    const refused = { status: 403, code: 'EXTERNAL_STORE_NOT_ALLOWED' };
    expect(await create(bedrock('SECRET'), 'c2')).toMatchObject(refused);
    const foreign = { retrieval: { provider: 'gcp_vertex', project: 'p', location: 'global', resource_id: 'docs' } };
    expect(await create(foreign, 'c2')).toMatchObject(refused);
    expect(await tenant.editor.patch('/v1/corpora/c1', { provider_config_json: bedrock('SECRET') })).toMatchObject(
      refused,
    );
  });

  it('is asked for again at each question, for a corpus from before the list', async () => {
    await written(bedrock('SECRET'));
    expect(await tenant.reader.post('/v1/search', { corpus_id: 'c1', query: 'kettle' })).toMatchObject({
      status: 403,
      code: 'EXTERNAL_STORE_NOT_ALLOWED',
    });
    const { frames } = await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message: 'Which colour?' });
    expect(frames.map(({ type }) => type)).toEqual(['request.accepted', 'error', 'done']);
    expect(frames[1]?.data).toMatchObject({ code: 'EXTERNAL_STORE_NOT_ALLOWED' });
  });
});
