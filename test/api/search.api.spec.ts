import { randomUUID } from 'node:crypto';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { bedrockRefusal, openWireBedrock, type WireBedrock } from '#test/support/wire-bedrock.js';
import { openWireRerank, type WireRerank } from '#test/support/wire-rerank.js';

interface Passage {
  readonly text: string;
  readonly document_id: string;
  readonly chunk_id: string;
  readonly score: number;
  readonly rerank_score: number | null;
}

interface Trace {
  readonly provider: string;
  readonly degraded: readonly string[];
  readonly candidates: readonly {
    readonly chunk_id: string;
    readonly rank: number | null;
    readonly fused_rank: number;
  }[];
  readonly rerank: { readonly applied: boolean; readonly model: string | null } | null;
}

interface Found {
  readonly passages: readonly Passage[];
  readonly trace: Trace;
}

const ambient = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'secret', AWS_EC2_METADATA_DISABLED: 'true' };

describe('a search', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let bedrock: WireBedrock;
  let rerank: WireRerank;
  const before = { ...process.env };

  beforeAll(async () => {
    Object.assign(process.env, ambient);
    bedrock = await openWireBedrock();
    rerank = await openWireRerank();
    server = await openTestServer({
      BEDROCK_ENDPOINT_URL: bedrock.wire.url,
      RERANK_URL: rerank.url,
      RERANK_MODEL: 'judge-1',
      RERANK_API_KEY: 'a-key-of-the-reranker',
      EXT_CALL_TIMEOUT_MS: '1000',
      EXT_RETRY_BACKOFF_MS: '1',
    });
    tenant = await server.tenant();
    await aCorpus(tenant);
    const add = (document_id: string, text: string, metadata_json: object) =>
      aDocument(tenant, text, { document_id, metadata_json });
    await add('green', 'The green kettle boils water.', { year: 1990, labels: { team: 'kitchen' } });
    await add('blue', 'The blue kettle boils milk, and it boils it slowly.', { year: 2024 });
    await add('pot', 'A pot simmers soup.', { year: 2024 });
  });
  afterAll(async () => {
    await server.stop();
    await bedrock.wire.close();
    await rerank.wire.close();
    process.env = { ...before };
  });

  const search = (body: object) => tenant.reader.post('/v1/search', { corpus_id: 'c1', rerank: false, ...body });
  const found = async (body: object): Promise<Found> => {
    const answer = await search(body);
    if (answer.status !== 200) throw new Error(answer.text);
    return answer.data as Found;
  };
  const documents = ({ passages }: Found): string[] => passages.map(({ document_id }) => document_id);

  it('gives passages with their place, their scores and their reasons', async () => {
    const { data } = await search({ query: 'green kettle', top_k: 2 });
    expect(data).toMatchObject({
      corpus_id: 'c1',
      passages: [
        {
          document_id: 'green',
          source: 'document://green',
          text: 'The green kettle boils water.',
          start: 0,
          end: 29,
          rerank_score: null,
          metadata: { year: 1990 },
        },
        { document_id: 'blue' },
      ],
      trace: {
        provider: 'local_pgvector',
        corpus_id: 'c1',
        k: 2,
        filter: null,
        fusion: { kind: 'weighted', vector_weight: 0.3, rrf_k: null },
        rerank: null,
        degraded: [],
      },
    });
    const { passages, trace } = data as Found;
    expect(trace.candidates.map(({ rank }) => rank)).toEqual([1, 2, null]);
    expect(trace.candidates.slice(0, 2).map(({ chunk_id }) => chunk_id)).toEqual(passages.map((each) => each.chunk_id));
  });

  it('searches only what its filter holds for', async () => {
    const filter = { eq: ['metadata.year', 2024] };
    const result = await found({ query: 'green kettle', filter });
    expect(documents(result)).toEqual(['blue', 'pot']);
    expect(result.trace).toMatchObject({ filter });
    expect(documents(await found({ query: 'kettle', filter: { eq: ['labels.team', 'kitchen'] } }))).toEqual(['green']);
    expect(await search({ query: 'q', filter: { like: 1 } })).toMatchObject({ status: 422, code: 'FILTER_INVALID' });
  });

  it('takes the weight of the vectors, the fusion and the least score of the corpus, and the request goes first', async () => {
    const retrieval = { provider: 'local_pgvector', fusion: 'rrf', rrf_k: 10, top_k_default: 1, min_score: 0 };
    await tenant.editor.post('/v1/corpora', { id: 'tuned', name: 'n', provider_config_json: { retrieval } });
    await aDocument(tenant, 'A kettle.', { corpus_id: 'tuned' });
    await aDocument(tenant, 'A spoon.', { corpus_id: 'tuned' });
    const tuned = await found({ corpus_id: 'tuned', query: 'kettle' });
    expect(tuned.passages).toHaveLength(1);
    expect(tuned.trace).toMatchObject({ fusion: { kind: 'rrf', vector_weight: 0.5, rrf_k: 10 }, k: 1 });
    const asked = await found({ corpus_id: 'tuned', query: 'kettle', top_k: 50, vector_weight: 1 });
    expect(asked.passages).toHaveLength(2);
    expect(asked.trace).toMatchObject({ fusion: { vector_weight: 1 }, k: 50 });
    await tenant.editor.patch('/v1/corpora/tuned', {
      provider_config_json: { retrieval: { ...retrieval, min_score: 1, top_k_default: 9 } },
    });
    expect((await found({ corpus_id: 'tuned', query: 'a kettle of another kind' })).passages).toEqual([]);
  });

  it('has candidates looked at again, and says what the reranker said', async () => {
    rerank.judge = (text) => (text.includes('pot') ? 0.9 : 0.1);
    const result = await found({ query: 'green kettle', top_k: 2, rerank: true });
    expect(result.passages).toMatchObject([
      { document_id: 'pot', score: 0.9, rerank_score: 0.9 },
      { document_id: 'green', rerank_score: 0.1 },
    ]);
    expect(result.trace).toMatchObject({ rerank: { model: 'judge-1', candidates: 3, applied: true }, degraded: [] });
    expect(rerank.asked.at(-1)).toMatchObject({
      headers: { authorization: 'Bearer a-key-of-the-reranker' },
      json: { model: 'judge-1', query: 'green kettle', top_n: 3 },
    });
  });

  it.each([
    ['500', 500, 'rerank_error'],
    ['a refused key', 401, 'rerank_error'],
    ['a slow answer', 'slow-headers', 'rerank_timeout'],
    ['a body that is no answer', 'garbage-body', 'rerank_error'],
    [
      'judgements of what was not asked',
      { status: 200, json: { results: [{ index: 9, relevance_score: 1 }] } },
      'rerank_error',
    ],
  ] as const)('gives the order of before when the reranker gives %s', async (_, manner, reason) => {
    // A tenant of its own: what befell the others has opened no breaker of it.
    const other = await server.tenant();
    await aCorpus(other);
    await aDocument(other, 'The green kettle boils.');
    rerank.wire.manners.push(manner, manner);
    const answer = await other.reader.post('/v1/search', { corpus_id: 'c1', query: 'kettle', rerank: true });
    rerank.wire.manners.length = 0;
    expect(answer).toMatchObject({
      status: 200,
      data: {
        passages: [{ text: 'The green kettle boils.' }],
        trace: { degraded: [reason], rerank: { applied: false } },
      },
    });
  });

  it('sends texts to no address that the operator did not name', async () => {
    const other = await openWireRerank();
    const retrieval = { provider: 'local_pgvector', rerank: { url: other.url } };
    await tenant.editor.post('/v1/corpora', { id: 'far', name: 'n', provider_config_json: { retrieval } });
    await aDocument(tenant, 'A kettle.', { corpus_id: 'far' });
    const result = await found({ corpus_id: 'far', query: 'kettle', rerank: true });
    expect(result.trace).toMatchObject({ degraded: ['rerank_not_allowed'] });
    expect(other.asked).toHaveLength(0);
    await other.wire.close();
  });

  const aBedrockCorpus = async (of: TestTenant): Promise<string> => {
    const retrieval = { provider: 'aws_bedrock_kb', knowledge_base_id: 'KB1', region: 'us-east-1' };
    const id = `kb-${randomUUID()}`;
    const made = await of.editor.post('/v1/corpora', { id, name: 'n', provider_config_json: { retrieval } });
    if (made.status !== 201) throw new Error(made.text);
    return id;
  };

  it('asks the provider of its corpus, and answers with its code', async () => {
    const corpus_id = await aBedrockCorpus(tenant);
    bedrock.results = [{ content: { text: 'From afar.' }, score: 0.5, metadata: { a: 1 } }];
    expect(await found({ corpus_id, query: 'q' })).toMatchObject({
      passages: [{ text: 'From afar.', score: 0.5, vector_score: null, metadata: { a: 1 } }],
      trace: { provider: 'aws_bedrock_kb', fusion: null },
    });
    bedrock.wire.manners.push(bedrockRefusal(403, 'AccessDeniedException'));
    expect(await search({ corpus_id, query: 'q' })).toMatchObject({ status: 503, code: 'AWS_AUTH_ERROR' });
    const filter = { exists: 'metadata.a' };
    expect(await search({ corpus_id, query: 'q', filter })).toMatchObject({
      status: 422,
      code: 'FILTER_NOT_SUPPORTED',
    });
  });

  it('is refused while answering or external retrieval is switched off, and without the feature', async () => {
    const corpus_id = await aBedrockCorpus(tenant);
    const switches = '/v1/admin/rollouts/killswitches';
    const turn = (name: string, off: boolean) => tenant.admin.patch(switches, { kill_switches: { [name]: off } });
    await turn('kill.external_retrieval', true);
    const disabled = { status: 503, code: 'FEATURE_TEMPORARILY_DISABLED' };
    expect(await search({ corpus_id, query: 'q' })).toMatchObject(disabled);
    expect((await search({ query: 'q' })).status).toBe(200);
    await turn('kill.external_retrieval', false);
    await turn('kill.run', true);
    expect(await search({ query: 'q' })).toMatchObject(disabled);
    await turn('kill.run', false);
    const { status } = await server
      .operator(tenant.tenantId)
      .patch(`/v1/admin/plans/${tenant.tenantId}`, { plan_id: 'free' });
    expect(status).toBe(200);
    expect(await search({ corpus_id, query: 'q' })).toMatchObject({ status: 403, code: 'FEATURE_NOT_ENABLED' });
    await server.operator(tenant.tenantId).patch(`/v1/admin/plans/${tenant.tenantId}`, { plan_id: 'enterprise' });
  });

  const run = async (of: TestTenant, body: object) => {
    const { frames } = await of.reader.ask({ session_id: 's1', corpus_id: 'c1', ...body });
    return { runId: frames[0]?.id.split(':')[0] ?? '', last: frames.at(-2)?.data ?? {} };
  };

  it('is what a run does: its filter holds, and its reasons are kept for its user and for admins', async () => {
    const filter = { eq: ['metadata.year', 2024] };
    rerank.judge = (text) => (text.includes('milk') ? 0.9 : 0.1);
    const { runId, last } = await run(tenant, { message: 'Which kettle boils milk?', top_k: 1, filter });
    expect(JSON.stringify(last)).toContain('blue');
    const path = `/v1/runs/${runId}/trace`;
    const read = await tenant.reader.get(path);
    expect(read).toMatchObject({
      status: 200,
      data: { provider: 'local_pgvector', k: 1, filter, rerank: { applied: true } },
    });
    const { candidates } = read.data as Trace;
    expect(candidates).toMatchObject([{ document_id: 'blue' }, { document_id: 'pot' }]);
    expect(read.text).not.toContain('kettle boils');
    expect((await tenant.admin.get(path)).status).toBe(200);
    const other = await server.tenant();
    for (const stranger of [tenant.editor, other.admin])
      expect(await stranger.get(path)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect((await server.anonymous.get(path)).status).toBe(401);
  });

  it('that fails in a run is told by its code', async () => {
    const corpus_id = await aBedrockCorpus(tenant);
    bedrock.wire.manners.push(bedrockRefusal(404, 'ResourceNotFoundException'));
    const { last } = await run(tenant, { corpus_id, message: 'q' });
    expect(last).toMatchObject({ code: 'AWS_RETRIEVAL_ERROR' });
    bedrock.results = [{ content: { text: 'Kettles are green.' }, score: 0.5 }];
    const answered = await run(tenant, { corpus_id, message: 'Are kettles green?' });
    expect(answered.last).toMatchObject({ citations: [{ source: 'bedrock_kb' }] });
  });

  it('from a store outside is remembered in its session, by all who may ask its corpus', async () => {
    const corpus_id = await aBedrockCorpus(tenant);
    bedrock.results = [{ content: { text: 'Kettles are green.' }, score: 0.5 }];
    await tenant.editor.ask({ session_id: 'outside', corpus_id, message: 'Are kettles green?' });
    await tenant.editor.ask({ session_id: 'outside', corpus_id: 'c1', message: 'Are they?' });
    const asked = server.answerer.asked.at(-1)?.history.map(({ content }) => content);
    expect(asked).toEqual(['Are kettles green?', expect.stringContaining('Kettles are green.')]);
  });

  it('answers 404 for a corpus that is not there or is of another tenant, and 401 without a key', async () => {
    const other = await server.tenant();
    const notFound = { status: 404, code: 'NOT_FOUND' };
    expect(await other.reader.post('/v1/search', { corpus_id: 'c1', query: 'kettle' })).toMatchObject(notFound);
    expect(await search({ corpus_id: 'none', query: 'kettle' })).toMatchObject(notFound);
    expect((await server.anonymous.post('/v1/search', { corpus_id: 'c1', query: 'q' })).status).toBe(401);
  });
});
