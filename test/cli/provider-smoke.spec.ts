import { retrievalErrors } from '#infra/adapters/retrieval/retrieval-errors.js';
import { probe, type Probed } from '#infra/platform/provider-probe.js';
import { probesOfConfig, probesOfCorpus } from '#infra/platform/provider-probes.js';
import { aCorpus, aDocument, openTestServer, type TestServer } from '#test/support/server.js';
import { bedrockRefusal, openWireBedrock, type WireBedrock } from '#test/support/wire-bedrock.js';
import { openWireOpenAi } from '#test/support/wire-openai-chat.js';
import { OpenAiTranscriptions } from '#test/support/wire-openai-transcriptions.js';
import { openWireRerank, type WireRerank } from '#test/support/wire-rerank.js';
import type { WireServer } from '#test/support/wire-server.js';
import { Cli, embedded } from './support.js';

const KEY = 'sk-the-secret-of-the-provider';
const ambient = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'secret', AWS_EC2_METADATA_DISABLED: 'true' };
const question = { query: 'kettle', k: 2 };

describe('the smoke test of providers', () => {
  let chat: WireServer;
  let bedrock: WireBedrock;
  let rerank: WireRerank;
  let hearing: OpenAiTranscriptions;
  let server: TestServer;
  const before = { ...process.env };
  beforeAll(async () => {
    Object.assign(process.env, ambient);
    chat = await openWireOpenAi(() => ({ words: ['ok'] }));
    bedrock = await openWireBedrock();
    rerank = await openWireRerank();
    hearing = await OpenAiTranscriptions.open(KEY);
    server = await openTestServer({
      LLM_CHAIN: 'openai:main,vertex',
      OPENAI_API_KEY: KEY,
      OPENAI_BASE_URL: `${chat.url}/v1`,
      BEDROCK_ENDPOINT_URL: bedrock.wire.url,
      RERANK_URL: rerank.url,
      STT_PROVIDER: 'openai',
      OPENAI_STT_BASE_URL: hearing.baseUrl,
      EXTERNAL_STORES_ALLOWED: 't1=aws_bedrock_kb/eu-west-1/KB1,*=gcp_vertex/*/*/*',
      EXT_RETRY_MAX_ATTEMPTS: '1',
    });
  }, 240_000);
  afterAll(async () => {
    await server.stop();
    await Promise.all([chat, bedrock.wire, rerank.wire, hearing].map((wire) => wire.close()));
    for (const name of Object.keys(ambient)) delete process.env[name];
    Object.assign(process.env, before);
  });

  const { signal } = new AbortController();
  const configured = async (): Promise<readonly Probed[]> => {
    const probed: Probed[] = [];
    for (const each of probesOfConfig(server.platform, question)) probed.push(await probe(each, signal));
    return probed;
  };
  const of = (rows: readonly Probed[], kind: string, name: string): Probed | undefined =>
    rows.find((row) => row.kind === kind && row.name === name);

  it('calls each provider that is configured once, and says how it went', async () => {
    bedrock.results = [
      { content: { text: 'x'.repeat(300) }, score: 0.7, location: { type: 'S3', s3Location: { uri: 's3://b/doc' } } },
    ];
    const [models, stores, looks] = [chat.requests.length, bedrock.asked.length, rerank.asked.length];
    const rows = await configured();
    const ok = { status: 'ok', code: null, failure: null, latency_ms: expect.any(Number) };
    expect(of(rows, 'llm', 'openai:main')).toMatchObject(ok);
    expect(of(rows, 'rerank', 'rerank')).toMatchObject(ok);
    expect(rows.find(({ kind }) => kind === 'embedding')).toMatchObject(ok);
    expect(of(rows, 'retrieval', 'aws_bedrock_kb KB1')).toMatchObject({
      ...ok,
      hits: [{ score: 0.7, source: 's3://b/doc', text: 'x'.repeat(120) }],
    });
    expect(chat.requests.filter(({ path }) => path.endsWith('/completions'))).toHaveLength(models + 1);
    expect(bedrock.asked).toHaveLength(stores + 1);
    expect(rerank.asked).toHaveLength(looks + 1);
    expect(of(rows, 'stt', 'openai:whisper-1')).toMatchObject(ok);
    const [heard] = hearing.asked;
    expect(heard).toMatchObject({ filename: 'audio.wav', contentType: 'audio/wav' });
    expect(heard?.bytes.readUInt32LE(4)).toBe(16_000 + 36);
    expect(heard?.bytes.subarray(0, 4).toString()).toBe('RIFF');
    // Named in LLM_CHAIN, but nobody said in which project.
    expect(of(rows, 'llm', 'vertex')).toMatchObject({
      status: 'failed',
      failure: 'config',
      code: 'VERTEX_CONFIG_MISSING',
    });
  });

  it('tells refused credentials from a provider that fails, by stable codes and without what it said', async () => {
    chat.manners.push({ status: 401, json: { error: { message: `the key ${KEY} is wrong` } } });
    bedrock.wire.manners.push(bedrockRefusal(403, 'AccessDeniedException'));
    rerank.wire.manners.push(500);
    hearing.server.manners.push(401);
    const rows = await configured();
    expect(of(rows, 'llm', 'openai:main')).toMatchObject({ failure: 'auth', code: 'VERTEX_AUTH_ERROR' });
    expect(of(rows, 'retrieval', 'aws_bedrock_kb KB1')).toMatchObject({ failure: 'auth', code: 'AWS_AUTH_ERROR' });
    expect(of(rows, 'rerank', 'rerank')).toMatchObject({ failure: 'provider', code: 'RERANK_ERROR' });
    expect(of(rows, 'stt', 'openai:whisper-1')).toMatchObject({ failure: 'auth', code: 'STT_AUTH_ERROR' });
    expect(JSON.stringify(rows)).not.toContain(KEY);
    chat.manners.push('drop');
    expect(of(await configured(), 'llm', 'openai:main')).toMatchObject({ failure: 'provider' });
  });

  it('calls what a corpus is asked with', async () => {
    const tenant = await server.tenant();
    await aCorpus(tenant);
    await aDocument(tenant, 'The kettle of the office is green.');
    const place = { tenantId: tenant.tenantId, corpusId: 'c1' };
    const probed = async (providerConfig: Record<string, never>): Promise<readonly Probed[]> => {
      const probes = await probesOfCorpus(server.platform, { ...place, providerConfig }, question);
      return Promise.all(probes.map((each) => probe(each, signal)));
    };
    const local = { retrieval: { provider: 'local_pgvector' }, generation: { chain: ['openai:main', 'openai:gone'] } };
    const rows = await probed(local as unknown as Record<string, never>);
    expect(of(rows, 'retrieval', 'local_pgvector')).toMatchObject({
      status: 'ok',
      hits: [{ text: 'The kettle of the office is green.' }],
    });
    expect(of(rows, 'llm', 'openai:main')).toMatchObject({ status: 'ok' });
    expect(of(rows, 'llm', 'openai:gone')).toMatchObject({ status: 'failed', failure: 'config' });
    const foreign = { retrieval: { provider: 'aws_bedrock_kb', region: 'eu-west-1', knowledge_base_id: 'KB1' } };
    expect(
      of(await probed(foreign as unknown as Record<string, never>), 'retrieval', 'aws_bedrock_kb KB1'),
    ).toMatchObject({
      ...{ failure: 'config', code: retrievalErrors.storeNotAllowed.code },
    });
  });
});

embedded('nexusrag provider smoke', () => {
  let chat: WireServer;
  let cli: Cli;
  beforeAll(async () => {
    chat = await openWireOpenAi(() => ({ words: ['ok'] }));
    cli = await Cli.open({ LLM_PROVIDER: 'openai', OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${chat.url}/v1` });
  }, 240_000);
  afterAll(async () => {
    await cli.close();
    await chat.close();
  });

  it('ends by how it went, in a process of its own and against the server that lives', async () => {
    expect((await cli.run('seed')).code).toBe(0);
    const alone = await cli.run('provider', 'smoke', '--json');
    expect({ code: alone.code, err: alone.err }).toEqual({ code: 0, err: '' });
    expect(alone.items).toContainEqual(expect.objectContaining({ kind: 'llm', name: 'openai', status: 'ok' }));
    const { server } = await cli.start('--no-seed');
    chat.manners.push(401);
    const refused = await cli.run('provider', 'smoke', '--corpus', 'c1');
    expect(refused.code).toBe(3);
    expect(refused.err).toContain('VERTEX_AUTH_ERROR: ');
    expect(refused.out).toMatch(/retrieval +local_pgvector +ok/);
    expect(refused.out).toMatch(/\d\.\d{4} {2}\S+ {2}/);
    chat.manners.push(500, 500);
    expect((await cli.run('provider', 'smoke')).code).toBe(4);
    expect((await cli.run('provider', 'smoke', '--corpus', 'none')).code).toBe(2);
    expect(`${refused.out}${refused.err}${alone.out}`).not.toContain(KEY);
    await server.stop();
  }, 240_000);
});
