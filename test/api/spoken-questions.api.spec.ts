import {
  aCorpus,
  aDocument,
  eventsOf,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import { EventStream } from '#test/support/event-stream.js';
import { until } from '#test/support/until.js';
import type { Manner } from '#test/support/wire-server.js';
import { OpenAiTranscriptions, spokenWav } from '#test/support/wire-openai-transcriptions.js';

const SPOKEN = 'Which colour has the kettle of the office?';

describe('a spoken question', () => {
  let server: TestServer;
  let service: OpenAiTranscriptions;
  let tenant: TestTenant;
  beforeAll(async () => {
    service = await OpenAiTranscriptions.open();
    server = await openTestServer({
      STT_PROVIDER: 'openai',
      OPENAI_STT_BASE_URL: service.baseUrl,
      STT_TIMEOUT_MS: '1500',
      TTS_PROVIDER: 'fake',
      EXT_RETRY_MAX_ATTEMPTS: '1',
      CB_FAILURE_THRESHOLD: '100',
    });
  });
  afterAll(async () => {
    await server.stop();
    await service.close();
  });
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
    await aDocument(tenant, 'The kettle of the office is green and stands beside the sink.');
  });

  const ask = async (
    bytes: Buffer | undefined,
    fields: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
    of = tenant,
  ) => {
    const form = new FormData();
    for (const [name, value] of Object.entries({ session_id: 's1', corpus_id: 'c1', ...fields })) form.set(name, value);
    if (bytes !== undefined) form.set('file', new Blob([new Uint8Array(bytes)]), 'question.wav');
    const authorization = `Bearer ${of.reader.key ?? ''}`;
    const response = await fetch(`${server.url}/v1/run`, {
      method: 'POST',
      headers: { authorization, ...headers },
      body: form,
    });
    const { status, headers: told } = response;
    if (told.get('content-type')?.startsWith('text/event-stream') === true) {
      const stream = new EventStream(response, new AbortController());
      return { status, headers: told, frames: await stream.rest(), text: stream.text, code: undefined };
    }
    const { error } = (await response.json()) as { error: { code: string } };
    return { status, headers: told, frames: [], text: '', code: error.code };
  };
  const runEvents = async (frames: Awaited<ReturnType<typeof ask>>['frames']) =>
    eventsOf(server.platform, `runs-${tenant.tenantId}.${frames[0]?.id.split(':')[0] ?? ''}`);

  it('is transcribed before anything is looked for, told as it was heard, and answered', async () => {
    const { frames } = await ask(spokenWav(SPOKEN), { language: 'en', top_k: '3', audio: 'true' });
    const types = frames.map(({ type }) => type).filter((type) => type !== 'heartbeat' && type !== 'token.delta');
    expect(types).toEqual(['request.accepted', 'input.transcribed', 'message.final', 'audio.ready', 'done']);
    expect(frames[1]?.data).toEqual({ text: SPOKEN, language: 'en', duration_s: 2.5 });
    expect(String(frames.find(({ type }) => type === 'message.final')?.data['text'])).toContain('green');
    expect(server.answerer.asked.at(-1)?.question).toBe(SPOKEN);
    expect((await runEvents(frames)).map(({ type }) => type)).toEqual(['RunStarted', 'RunCompleted', 'RunSpeechTold']);
    await ask(undefined, { message: 'And where does it stand?' });
    expect(server.answerer.asked.at(-1)?.history[0]).toEqual({ role: 'user', content: SPOKEN });
  });

  it('takes a filter as JSON in its form', async () => {
    const filter = JSON.stringify({ eq: ['metadata.team', 'nobody'] });
    const { frames } = await ask(spokenWav(SPOKEN), { filter });
    expect(frames.find(({ type }) => type === 'message.final')?.data).toMatchObject({ citations: [] });
    expect(await ask(spokenWav(SPOKEN), { filter: '{"eq":' })).toMatchObject({ status: 422 });
  });

  it('is asked and heard once under one Idempotency-Key, whatever would be heard the second time', async () => {
    const key = { 'idempotency-key': 'spoken' };
    const first = await ask(spokenWav(SPOKEN), {}, key);
    const [heard, answered] = [service.asked.length, server.answerer.asked.length];
    const again = await ask(spokenWav(SPOKEN), {}, key);
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
    expect([service.asked.length, server.answerer.asked.length]).toEqual([heard, answered]);
    const conflict = { status: 409, code: 'IDEMPOTENCY_KEY_CONFLICT' };
    expect(await ask(spokenWav('Another question?'), {}, key)).toMatchObject(conflict);
    expect(await ask(spokenWav(SPOKEN), { audio: 'true' }, key)).toMatchObject(conflict);
    expect(await ask(undefined, { message: SPOKEN }, key)).toMatchObject(conflict);
    expect(service.asked).toHaveLength(heard);
  });

  it('is a question: written or spoken, not both, not neither, not silence, not a text file', async () => {
    const before = server.answerer.asked.length;
    expect(await ask(spokenWav(SPOKEN), { message: 'x' })).toMatchObject({ status: 422 });
    expect(await ask(undefined)).toMatchObject({ status: 422, code: 'REQUEST_VALIDATION_ERROR' });
    expect(await tenant.reader.post('/v1/run', { session_id: 's1', corpus_id: 'c1' })).toMatchObject({ status: 422 });
    expect(await ask(spokenWav('  '))).toMatchObject({ status: 422, code: 'STT_NO_SPEECH' });
    expect(await ask(spokenWav('word '.repeat(7_000)))).toMatchObject({ status: 422 });
    expect(await ask(Buffer.from('A text.'))).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    expect(server.answerer.asked).toHaveLength(before);
  });

  it.each<[Manner, number, string]>([
    [401, 503, 'STT_AUTH_ERROR'],
    [400, 422, 'STT_AUDIO_REFUSED'],
    [500, 503, 'STT_ERROR'],
    ['garbage-body', 503, 'STT_ERROR'],
    ['drop-mid-stream', 503, 'STT_ERROR'],
    ['slow-headers', 503, 'INTEGRATION_TIMEOUT'],
  ])('that can not be heard (%p) is no run: %i %s, and may be asked again', async (manner, status, code) => {
    const key = { 'idempotency-key': 'unheard' };
    service.server.manners.push(manner);
    const refused = await ask(spokenWav(SPOKEN), {}, key);
    expect([refused.status, refused.code]).toEqual([status, code]);
    const { frames } = await ask(spokenWav(SPOKEN), {}, key);
    expect(frames.at(-1)?.type).toBe('done');
    const audit = async () => (await tenant.admin.get('/v1/audit/events?event_type=audio.transcription_failed')).text;
    await until('the audit log tells it', async () => (await audit()).includes(code));
  });

  it('is heard for nobody whose plan is without speech', async () => {
    const before = service.asked.length;
    const plain = await server.tenant({ plan: 'free' });
    await aCorpus(plain);
    expect(await ask(spokenWav(SPOKEN), {}, {}, plain)).toMatchObject({ status: 403, code: 'FEATURE_NOT_ENABLED' });
    expect(service.asked).toHaveLength(before);
  });
});
