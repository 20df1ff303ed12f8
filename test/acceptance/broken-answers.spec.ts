import { createHash } from 'node:crypto';
import type { EventStream, Frame } from '../support/event-stream.js';
import { aCorpus, aDocument, eventsOf, openTestServer, type TestServer, type TestTenant } from '../support/server.js';
import { until } from '../support/until.js';
import { openWireOpenAi } from '../support/wire-openai-chat.js';
import type { Manner, WireServer } from '../support/wire-server.js';

const text = 'The kettle of the office is green. It whistles when the water boils.';
const question = (session_id: string) => ({ session_id, corpus_id: 'c1', message: 'Which colour has the kettle?' });

describe.each(['extractive', 'error'] as const)('an answer that breaks off, where LLM_FALLBACK is %s', (fallback) => {
  let wire: WireServer;
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    wire = await openWireOpenAi(() => ({ words: ['The kettle ', 'is ', 'green ', '[1].'] }));
    server = await openTestServer({
      // A second model stands by, which must not go on with the words of the first.
      LLM_CHAIN: 'openai:first,openai:second',
      LLM_FALLBACK: fallback,
      LLM_PROVIDER: 'openai',
      OPENAI_BASE_URL: `${wire.url}/v1`,
      LLM_IDLE_TIMEOUT_MS: '2000',
      LLM_FIRST_TOKEN_TIMEOUT_MS: '5000',
      EXT_RETRY_MAX_ATTEMPTS: '1',
      CB_FAILURE_THRESHOLD: '1000',
    });
    tenant = await server.tenant();
    await aCorpus(tenant);
    await aDocument(tenant, text);
  }, 240_000);
  afterAll(async () => {
    await server.stop();
    await wire.close();
  });

  let sessions = 0;
  const asked = async (...manners: Manner[]): Promise<EventStream> => {
    wire.manners.splice(0, wire.manners.length, ...manners);
    sessions += 1;
    const stream = await tenant.reader.open(question(`s${sessions}`));
    await stream.rest();
    return stream;
  };
  const runOf = ({ frames: [first] }: EventStream): string => first?.id.split(':')[0] ?? '';
  const typesOf = ({ frames }: EventStream): string[] => frames.map(({ type }) => type);
  const wellFormed = (frames: readonly Frame[], run: string): void => {
    for (const [at, frame] of frames.entries()) {
      expect(frame).toMatchObject({ seq: at + 1, id: `${run}:${at + 1}` });
      expect(frame.text.endsWith('\n\n')).toBe(true);
    }
  };
  const outcome = async (run: string) => {
    const stream = `runs-${tenant.tenantId}.${run}`;
    const ended = async () => (await eventsOf(server.platform, stream)).find(({ type }) => type === 'RunFailed');
    await until('the outcome is told', async () => (await ended()) !== undefined);
    return (await ended())?.data;
  };

  it.each<[string, Manner, string]>([
    ['the connection is cut', 'drop-mid-stream', 'VERTEX_CONFIG_MISSING'],
    ['the model falls silent', 'slow-tokens', 'VERTEX_TIMEOUT'],
    ['the model says what can not be read', 'garbage-mid-stream', 'VERTEX_CONFIG_MISSING'],
  ])('ends with error and done when %s, well-formed to the last frame', async (_how, manner, code) => {
    const before = wire.requests.length;
    const stream = await asked(manner);
    const run = runOf(stream);
    const types = typesOf(stream);
    expect([...new Set(types)]).toEqual(['request.accepted', 'token.delta', 'error', 'done']);
    expect(types.slice(-2)).toEqual(['error', 'done']);
    expect(types.filter((type) => type === 'error' || type === 'done')).toHaveLength(2);
    wellFormed(stream.frames, run);
    expect(stream.frames.at(-2)?.data).toMatchObject({ code });
    expect(wire.requests).toHaveLength(before + 1);
    const sha256 = createHash('sha256').update(stream.text).digest('hex');
    expect(await outcome(run)).toMatchObject({ code, frames: { count: types.length, sha256 } });
    const again = await tenant.reader.open(question(`s${sessions}`), { 'last-event-id': `${run}:1` });
    await again.rest();
    expect(again.text).toBe(
      stream.frames
        .slice(1)
        .map((frame) => frame.text)
        .join(''),
    );
  });

  it('leaves what was retrieved for it to whoever asked, and no half answer in the conversation', async () => {
    const stream = await asked('drop-mid-stream');
    const path = `/v1/runs/${runOf(stream)}/trace`;
    expect(await tenant.reader.get(path)).toMatchObject({
      status: 200,
      data: { provider: 'local_pgvector', candidates: [{ rank: 1 }] },
    });
    expect(await (await server.tenant()).admin.get(path)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    const next = await tenant.reader.ask({ ...question(`s${sessions}`), message: 'And its sound?' });
    expect(next.frames.at(-1)?.type).toBe('done');
    const { messages } = wire.requests.at(-1)?.json as { messages: { role: string; content: string }[] };
    expect(messages.filter(({ role }) => role === 'assistant')).toEqual([]);
  });

  it('goes to the next model, then by the rule, when none has said a word', async () => {
    const saved = await asked('drop');
    expect(typesOf(saved).at(-2)).toBe('message.final');
    expect(saved.frames.at(-2)?.data).toMatchObject({
      degraded: false,
      model: 'second',
      text: 'The kettle is green [1].',
    });
    const none = await asked('drop', 500);
    wellFormed(none.frames, runOf(none));
    if (fallback === 'extractive')
      expect(none.frames.at(-2)).toMatchObject({
        type: 'message.final',
        data: { degraded: true, reason_code: 'llm_error', provider: 'extractive' },
      });
    else {
      expect(typesOf(none)).toEqual(['request.accepted', 'error', 'done']);
      expect((await tenant.reader.get(`/v1/runs/${runOf(none)}/trace`)).status).toBe(200);
    }
  });

  it.each<[string, Manner, string, string]>([
    ['the key is refused', 401, 'VERTEX_AUTH_ERROR', 'llm_error'],
    ['the key may not', 403, 'VERTEX_AUTH_ERROR', 'llm_error'],
    ['the model is not there', 404, 'VERTEX_CONFIG_MISSING', 'llm_error'],
    ['requests are limited', 429, 'VERTEX_CONFIG_MISSING', 'llm_rate_limit'],
    ['the service fails', 500, 'VERTEX_CONFIG_MISSING', 'llm_error'],
    ['no headers come', 'slow-headers', 'VERTEX_TIMEOUT', 'llm_timeout'],
    ['it is not HTTP', 'garbage', 'VERTEX_CONFIG_MISSING', 'llm_error'],
    ['the body is none', 'garbage-body', 'VERTEX_CONFIG_MISSING', 'llm_error'],
  ])('is well-formed to the last frame when %s at every model', async (_how, manner, code, reason_code) => {
    const stream = await asked(manner, manner);
    wellFormed(stream.frames, runOf(stream));
    // Signs of life come while a model is waited for.
    const types = typesOf(stream).filter((type) => type !== 'heartbeat');
    if (fallback === 'error') {
      expect(types).toEqual(['request.accepted', 'error', 'done']);
      expect(stream.frames.at(-2)?.data).toMatchObject({ code });
    } else {
      expect([...new Set(types)]).toEqual(['request.accepted', 'token.delta', 'message.final', 'done']);
      expect(types.slice(-2)).toEqual(['message.final', 'done']);
      expect(stream.frames.at(-2)?.data).toMatchObject({ degraded: true, reason_code, provider: 'extractive' });
    }
  });

  it('takes its trace with it when the conversation is deleted', async () => {
    const stream = await asked('drop-mid-stream');
    const trace = () => tenant.reader.get(`/v1/runs/${runOf(stream)}/trace`);
    expect((await trace()).status).toBe(200);
    const listed = (await tenant.reader.get('/v1/sessions?limit=50')).data as { id: string; session_id: string }[];
    const session = listed.find(({ session_id: name }) => name === `s${sessions}`);
    expect((await tenant.reader.delete(`/v1/sessions/${session?.id ?? ''}`)).status).toBe(204);
    await until('the trace is gone', async () => (await trace()).status === 404);
  });
});
