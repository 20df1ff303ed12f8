import OpenAI, { APIError, BadRequestError, NotFoundError, toFile } from 'openai';
import { eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import type { Manner } from '#test/support/wire-server.js';
import { until } from '#test/support/until.js';
import { OpenAiTranscriptions, spokenWav } from '#test/support/wire-openai-transcriptions.js';

const SPOKEN = 'Which colour has the kettle?';

describe('a transcription', () => {
  let server: TestServer;
  let service: OpenAiTranscriptions;
  let tenant: TestTenant;
  beforeAll(async () => {
    service = await OpenAiTranscriptions.open();
    server = await openTestServer({
      STT_PROVIDER: 'openai',
      OPENAI_STT_BASE_URL: service.baseUrl,
      STT_TIMEOUT_MS: '2000',
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
  });

  const send = async (
    bytes: Buffer,
    { of = tenant, fields = {}, headers = {}, path = '/v1/transcriptions' }: Sending = {},
  ) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', new Blob([new Uint8Array(bytes)], { type: 'text/plain' }), 'secret-name.txt');
    const key = of.reader.key ?? '';
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, ...headers },
      body: form,
    });
    const text = await response.text();
    const body = JSON.parse(text) as { data?: object; error?: { code: string; details?: object } };
    return { status: response.status, headers: response.headers, text, ...body, code: body.error?.code };
  };
  interface Sending {
    readonly of?: TestTenant;
    readonly fields?: Record<string, string>;
    readonly headers?: Record<string, string>;
    readonly path?: string;
  }
  const audited = async (type: string) => {
    const { data } = await tenant.admin.get(`/v1/audit/events?event_type=${type}`);
    return (data as { items: { resource_id: string }[] }).items;
  };

  it('tells what was said, in which language and for how long, whatever the file calls itself', async () => {
    const { status, data, text } = await send(spokenWav(SPOKEN), { fields: { language: 'en', prompt: 'kettle' } });
    expect([status, data]).toEqual([
      200,
      { text: SPOKEN, language: 'en', duration_s: 2.5, provider: 'openai', model: 'whisper-1' },
    ]);
    expect(text).toContain('"meta"');
    const asked = service.asked.at(-1);
    expect(asked).toMatchObject({ filename: 'audio.wav', contentType: 'audio/wav' });
    expect(asked?.fields).toMatchObject({ language: 'en', prompt: 'kettle' });
    expect(asked?.bytes).toEqual(spokenWav(SPOKEN));
  });

  it('takes audio that is larger than what stays in memory, and no more than 25 MiB', async () => {
    const long = Buffer.concat([spokenWav(`${SPOKEN}\0`), Buffer.alloc(8_000_000, 7)]);
    expect((await send(long)).data).toMatchObject({ text: SPOKEN });
    expect(service.asked.at(-1)?.bytes.equals(long)).toBe(true);
    const before = service.asked.length;
    const longest = Buffer.concat([spokenWav(''), Buffer.alloc(25 * 1024 * 1024, 7)]);
    expect(await send(longest)).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
    expect(service.asked).toHaveLength(before);
  });

  it('is made of audio only: 415 for anything else, 422 for nothing', async () => {
    const before = service.asked.length;
    for (const bytes of ['A kettle.', '%PDF-1.7', '<html>'].map((text) => Buffer.from(text)))
      expect(await send(bytes)).toMatchObject({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    expect(await send(Buffer.alloc(0))).toMatchObject({ status: 422, code: 'REQUEST_VALIDATION_ERROR' });
    expect(await send(spokenWav('x'), { fields: { language: 'English!' } })).toMatchObject({ status: 422 });
    expect(await tenant.reader.post('/v1/transcriptions', {})).toMatchObject({ status: 422 });
    expect(service.asked).toHaveLength(before);
  });

  it('is on record with its digest and its length, without a word of it', async () => {
    await send(spokenWav(SPOKEN));
    await until('it is in the audit log', async () => (await audited('audio.transcribed')).length === 1);
    const id = (await audited('audio.transcribed')).map(({ resource_id }) => resource_id).join();
    const [event] = await eventsOf(server.platform, `transcriptions-${tenant.tenantId}.${id}`);
    expect(event).toMatchObject({
      type: 'AudioTranscribed',
      data: { runId: null, provider: 'openai', durationMs: 2_500, characters: SPOKEN.length, mime: 'audio/wav' },
    });
    expect(JSON.stringify(event)).not.toMatch(/kettle|secret-name/);
    expect(server.lines.join('\n')).not.toMatch(/Which colour|secret-name/);
  });

  it('is counted as a run, and asked for once under one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'heard' };
    const before = service.asked.length;
    const first = await send(spokenWav(SPOKEN), { headers });
    expect(Number(first.headers.get('x-quota-day-used'))).toBe(3);
    const again = await send(spokenWav(SPOKEN), { headers });
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
    expect(service.asked).toHaveLength(before + 1);
    expect(await send(spokenWav('Another.'), { headers })).toMatchObject({
      status: 409,
      code: 'IDEMPOTENCY_KEY_CONFLICT',
    });
  });

  it.each<[Manner, number, string]>([
    [401, 503, 'STT_AUTH_ERROR'],
    [404, 503, 'STT_ERROR'],
    [400, 422, 'STT_AUDIO_REFUSED'],
    [{ status: 429, headers: { 'retry-after': '7' } }, 503, 'STT_ERROR'],
    [500, 503, 'STT_ERROR'],
    ['drop-mid-stream', 503, 'STT_ERROR'],
    ['garbage-body', 503, 'STT_ERROR'],
    ['slow-headers', 503, 'INTEGRATION_TIMEOUT'],
  ])('fails by name when the provider answers %p: %i %s, and the log tells it too', async (manner, status, code) => {
    service.server.manners.push(manner);
    const answer = await send(spokenWav(SPOKEN));
    expect(answer).toMatchObject({ status, code });
    expect(answer.text).not.toContain('told to');
    await until('it is in the audit log', async () => (await audited('audio.transcription_failed')).length === 1);
    const audit = await tenant.admin.get('/v1/audit/events?event_type=audio.transcription_failed');
    expect(audit.text).toContain(code);
  });

  it('ends with its client', async () => {
    service.server.manners.push('slow-headers');
    const before = service.server.requests.length;
    const leaving = new AbortController();
    const form = new FormData();
    form.set('file', new Blob([new Uint8Array(spokenWav('x'))]));
    const headers = { authorization: `Bearer ${tenant.reader.key ?? ''}` };
    const asking = fetch(`${server.url}/v1/transcriptions`, {
      method: 'POST',
      headers,
      body: form,
      signal: leaving.signal,
    });
    await until('the provider is asked', () => Promise.resolve(service.server.requests.length > before));
    leaving.abort();
    await expect(asking).rejects.toThrow();
    await until('the provider is left too', () => Promise.resolve(service.server.openSockets === 0));
  });

  it('is refused to nobody’s and lower plans’ callers: 401 and 403, and to all while speech is switched off', async () => {
    expect(await server.anonymous.post('/v1/transcriptions', {})).toMatchObject({ status: 401 });
    const plain = await server.tenant({ plan: 'free' });
    expect(await send(spokenWav('x'), { of: plain })).toMatchObject({ status: 403, code: 'FEATURE_NOT_ENABLED' });
    const off = await server.tenant();
    const operator = server.operator(off.tenantId);
    await operator.patch('/v1/admin/rollouts/killswitches', { kill_switches: { 'kill.tts': true } });
    await until('the switch is turned', async () => (await send(spokenWav('x'), { of: off })).status === 503);
    expect(await send(spokenWav('x'), { of: off })).toMatchObject({ code: 'FEATURE_TEMPORARILY_DISABLED' });
    await operator.patch('/v1/admin/rollouts/killswitches', { kill_switches: { 'kill.tts': false } });
  });

  describe('that the openai SDK asks for', () => {
    const audio = () => toFile(spokenWav(SPOKEN), 'speech.wav');
    const client = (apiKey = tenant.reader.key ?? '') =>
      new OpenAI({ apiKey, baseURL: `${server.url}/v1`, maxRetries: 0 });
    const failing = async (work: Promise<unknown>): Promise<APIError> => {
      const error = await work.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (!(error instanceof APIError)) throw new Error('the SDK threw no APIError', { cause: error });
      return error;
    };

    it('comes as JSON, as verbose JSON and as a text', async () => {
      const { transcriptions } = client().audio;
      const asked = { file: await audio(), model: 'whisper-1' };
      expect(await transcriptions.create(asked)).toEqual({ text: SPOKEN, usage: { type: 'duration', seconds: 2.5 } });
      const verbose = await transcriptions.create({ ...asked, response_format: 'verbose_json', language: 'en' });
      expect(verbose).toMatchObject({ task: 'transcribe', text: SPOKEN, language: 'en', duration: 2.5 });
      expect(await transcriptions.create({ ...asked, response_format: 'text' })).toBe(`${SPOKEN}\n`);
    });

    it('fails in its own errors: 404 for another model, 400 for a stream, 422, 415, 503', async () => {
      const { transcriptions } = client().audio;
      const asked = { file: await audio(), model: 'whisper-1' };
      const unknown = await failing(transcriptions.create({ ...asked, model: 'whisper-9' }));
      expect(unknown).toBeInstanceOf(NotFoundError);
      expect(unknown).toMatchObject({ code: 'model_not_found', param: 'model' });
      const streamed = await failing(transcriptions.create({ ...asked, stream: true }));
      expect(streamed).toBeInstanceOf(BadRequestError);
      expect(streamed).toMatchObject({ code: 'UNSUPPORTED_PARAMETER', param: 'stream' });
      expect(await failing(transcriptions.create({ ...asked, response_format: 'srt' }))).toMatchObject({
        status: 422,
        param: 'response_format',
      });
      const text = await toFile(Buffer.from('A text.'), 'speech.wav');
      expect(await failing(transcriptions.create({ ...asked, file: text }))).toMatchObject({ status: 415 });
      service.server.manners.push(500);
      expect(await failing(transcriptions.create(asked))).toMatchObject({
        status: 503,
        type: 'server_error',
        code: 'STT_ERROR',
      });
      expect(await failing(client('garbage').audio.transcriptions.create(asked))).toMatchObject({ status: 401 });
    });
  });
});

describe('a transcription without a provider', () => {
  it('is refused by name: 503 STT_CONFIG_MISSING', async () => {
    const server = await openTestServer();
    const tenant = await server.tenant();
    const client = new OpenAI({ apiKey: tenant.reader.key ?? '', baseURL: `${server.url}/v1`, maxRetries: 0 });
    const file = await toFile(spokenWav('x'), 'x.wav');
    await expect(client.audio.transcriptions.create({ file, model: 'whisper-1' })).rejects.toMatchObject({
      status: 503,
      code: 'STT_CONFIG_MISSING',
    });
    await server.stop();
  });
});
