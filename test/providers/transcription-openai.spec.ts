import type { AudioSource } from '#infra/adapters/speech/audio-form.js';
import { AUDIO_HEAD_BYTES, audioFormatOf } from '#infra/adapters/speech/audio-format.js';
import { openTranscriber } from '#infra/platform/speech.js';
import type { OutboundOptions } from '#infra/shared-state/outbound.js';
import { OpenAiTranscriptions, spokenWav } from '#test/support/wire-openai-transcriptions.js';
import { until } from '#test/support/until.js';
import { codeOf, deadlineOf, speechFailures, wayOut } from './provider-rig.js';

const tenantId = 'acme';
const KEY = 'sk-wire-0123456789';

function audioOf(bytes: Buffer): AudioSource & { readonly reads: number[] } {
  const format = audioFormatOf(bytes.subarray(0, AUDIO_HEAD_BYTES));
  if (format === undefined) throw new Error('that is no audio');
  const reads: number[] = [];
  const read = (offset: number, length: number): Buffer => {
    reads.push(length);
    return bytes.subarray(offset, offset + length);
  };
  return { format, size: bytes.length, read, reads };
}

describe('transcriptions of an OpenAI-compatible server', () => {
  const open: OpenAiTranscriptions[] = [];
  afterEach(async () => {
    for (const service of open.splice(0)) await service.close();
  });

  const rig = async (env: Record<string, string> = {}, options: OutboundOptions = {}) => {
    const service = await OpenAiTranscriptions.open(KEY);
    open.push(service);
    const all = { STT_PROVIDER: 'openai', OPENAI_BASE_URL: service.baseUrl, OPENAI_API_KEY: KEY, ...env };
    const { config, outbound, breaker } = wayOut(all, options);
    const state = (of = tenantId) => breaker.state({ tenantId: of, integration: 'stt.openai' });
    return { service, transcriber: openTranscriber(config, outbound), state };
  };
  const kettle = () => audioOf(spokenWav('The kettle is green.'));

  it('are asked for by model, language and prompt, and tell language and duration', async () => {
    const { service, transcriber } = await rig({ OPENAI_STT_MODEL: 'whisper-large' });
    const transcript = await transcriber.transcribe({ tenantId, audio: kettle(), language: 'en', prompt: 'kettle' });
    expect(transcript).toEqual({ text: 'The kettle is green.', language: 'en', seconds: 2.5 });
    expect(service.asked).toEqual([
      {
        fields: { model: 'whisper-large', response_format: 'verbose_json', language: 'en', prompt: 'kettle' },
        filename: 'audio.wav',
        contentType: 'audio/wav',
        bytes: spokenWav('The kettle is green.'),
        contentLength: expect.stringMatching(/^\d+$/),
      },
    ]);
  });

  it('are asked of newer models without what those do not tell', async () => {
    const { service, transcriber } = await rig({ OPENAI_STT_MODEL: 'gpt-4o-mini-transcribe' });
    const transcript = await transcriber.transcribe({ tenantId, audio: kettle() });
    expect(transcript).toEqual({ text: 'The kettle is green.', language: null, seconds: null });
    expect(service.asked[0]?.fields).toEqual({ model: 'gpt-4o-mini-transcribe', response_format: 'json' });
  });

  it('are of audio that is read in small pieces, to the last byte', async () => {
    const { service, transcriber } = await rig();
    const bytes = Buffer.concat([spokenWav('The kettle is green.\0'), Buffer.alloc(3_000_000, '\xff\0\r\n', 'latin1')]);
    const audio = audioOf(bytes);
    await transcriber.transcribe({ tenantId, audio });
    expect(service.asked[0]?.bytes.equals(bytes)).toBe(true);
    expect(Math.max(...audio.reads)).toBeLessThanOrEqual(65_536);
  });

  it.each(speechFailures({ auth: 'STT_AUTH_ERROR', failed: 'STT_ERROR', refused: 'STT_AUDIO_REFUSED' }))(
    'say of %p %s, and leave the breaker of the tenant %s',
    async (manner, code, left) => {
      const { service, transcriber, state } = await rig({ STT_TIMEOUT_MS: deadlineOf(code) });
      service.server.manners.push(manner, manner);
      for (let tries = 0; tries < 2; tries += 1)
        expect(await codeOf(transcriber.transcribe({ tenantId, audio: kettle() }))).toBe(code);
      expect(await state()).toBe(left);
      expect(await state('another')).toBe('closed');
      const next = transcriber.transcribe({ tenantId, audio: kettle() });
      if (left === 'open') expect(await codeOf(next)).toBe('INTEGRATION_UNAVAILABLE');
      else expect((await next).text).toBe('The kettle is green.');
      const other = await transcriber.transcribe({ tenantId: 'another', audio: kettle() });
      expect(other.text).toBe('The kettle is green.');
    },
  );

  it('are tried again, with the whole audio, after a 500 and after a time that the server asks for', async () => {
    const { service, transcriber } = await rig({}, { attempts: 3 });
    service.server.manners.push(500, { status: 429, headers: { 'retry-after': '0' } });
    expect((await transcriber.transcribe({ tenantId, audio: kettle() })).text).toBe('The kettle is green.');
    expect(service.server.requests).toHaveLength(3);
    expect(service.asked[0]?.bytes).toEqual(spokenWav('The kettle is green.'));
  });

  it('tell how long to wait when that is longer than they may', async () => {
    const { service, transcriber } = await rig();
    service.server.manners.push({ status: 429, headers: { 'retry-after': '7' } });
    await expect(transcriber.transcribe({ tenantId, audio: kettle() })).rejects.toMatchObject({
      details: { retry_after_ms: 7_000 },
    });
  });

  it('end with their caller, and leave no connection open', async () => {
    const { service, transcriber, state } = await rig();
    service.server.manners.push('slow-headers');
    const leaving = new AbortController();
    const asking = transcriber.transcribe({ tenantId, audio: kettle(), signal: leaving.signal });
    await until('it is asked', () => Promise.resolve(service.server.requests.length === 1));
    leaving.abort(new Error('gone'));
    await expect(asking).rejects.toThrow('gone');
    await until('the connection is closed', () => Promise.resolve(service.server.openSockets === 0));
    expect(await state()).toBe('closed');
  });

  it('are none where nothing is configured, and a constant text where that is', async () => {
    const none = await rig({ STT_PROVIDER: 'none' });
    expect(await codeOf(none.transcriber.transcribe({ tenantId, audio: kettle() }))).toBe('STT_CONFIG_MISSING');
    const fake = await rig({ STT_PROVIDER: 'fake' });
    expect(await fake.transcriber.transcribe({ tenantId, audio: kettle() })).toMatchObject({ text: 'FAKE_TRANSCRIPT' });
    expect([...none.service.asked, ...fake.service.asked]).toEqual([]);
  });
});

describe('audio', () => {
  it.each([
    ['RIFF\0\0\0\0WAVE', 'wav'],
    ['fLaC\0\0', 'flac'],
    ['OggS\0', 'ogg'],
    ['\x1a\x45\xdf\xa3', 'webm'],
    ['\0\0\0\x20ftypM4A ', 'mp4'],
    ['ID3\x04', 'mp3'],
    ['\xff\xfb\x90', 'mp3'],
    ['A kettle', undefined],
    ['RIFF\0\0\0\0AVI ', undefined],
    ['%PDF-1.7', undefined],
    ['\xff\xfeA\0', undefined],
    ['\xff\xd8\xff\xe0', undefined],
    ['', undefined],
  ])('is told by its first bytes: %j is %s', (head, extension) => {
    expect(audioFormatOf(Buffer.from(head, 'latin1'))?.extension).toBe(extension);
  });
});
