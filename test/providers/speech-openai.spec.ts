import type { CatalogueError } from '#domain/kernel/errors.js';
import { openSpeaker } from '#infra/platform/speech.js';
import type { OutboundOptions } from '#infra/shared-state/outbound.js';
import { OpenAiSpeech, spokenBytes } from '#test/support/wire-openai-speech.js';
import { until } from '#test/support/until.js';
import { codeOf, deadlineOf, speechFailures, wayOut } from './provider-rig.js';

const tenantId = 'acme';
const KEY = 'sk-wire-0123456789';

describe('speech of an OpenAI-compatible server', () => {
  const open: OpenAiSpeech[] = [];
  afterEach(async () => {
    for (const service of open.splice(0)) await service.close();
  });

  const rig = async (env: Record<string, string> = {}, options: OutboundOptions = {}) => {
    const service = await OpenAiSpeech.open(KEY);
    open.push(service);
    const all = { TTS_PROVIDER: 'openai', OPENAI_BASE_URL: service.baseUrl, OPENAI_API_KEY: KEY, ...env };
    const { config, outbound, breaker } = wayOut(all, options);
    const state = (of = tenantId) => breaker.state({ tenantId: of, integration: 'tts.openai' });
    return { service, speaker: openSpeaker(config, outbound), state };
  };

  it('is asked for by model and voice, without the markers of citations, and comes as it was spoken', async () => {
    const { service, speaker } = await rig({ OPENAI_TTS_VOICE: 'nova' });
    const speech = await speaker.speak({ tenantId, text: 'The kettle is green [1]. It is full [2].' });
    const spoken = 'The kettle is green. It is full.';
    expect(service.asked).toEqual([{ model: 'gpt-4o-mini-tts', voice: 'nova', input: spoken, response_format: 'mp3' }]);
    expect(Buffer.from(speech.bytes)).toEqual(spokenBytes(spoken));
    expect(speech).toMatchObject({ mime: 'audio/mpeg', characters: spoken.length });
  });

  it('is made of as many pieces as a long text needs, in order', async () => {
    const { service, speaker } = await rig();
    const text = Array.from({ length: 700 }, (_, at) => `Sentence ${at} is here.`).join(' ');
    const { characters } = await speaker.speak({ tenantId, text });
    expect(characters).toBe(text.length);
    expect(service.asked.length).toBeGreaterThan(3);
    expect(service.asked.every(({ input }) => input.length <= 4_096)).toBe(true);
    expect(service.asked.map(({ input }) => input).join(' ')).toBe(text);
  });

  it('leaves no connection open', async () => {
    const { service, speaker } = await rig();
    await speaker.speak({ tenantId, text: 'One.' });
    await until('the connection is closed', () => Promise.resolve(service.server.openSockets === 0));
  });

  it.each(speechFailures({ auth: 'TTS_AUTH_ERROR', failed: 'TTS_ERROR', refused: 'TTS_ERROR' }))(
    'says of %p %s, and leaves the breaker of the tenant %s',
    async (manner, code, left) => {
      const { service, speaker, state } = await rig({ TTS_TIMEOUT_MS: deadlineOf(code) });
      service.server.manners.push(manner, manner);
      for (let tries = 0; tries < 2; tries += 1)
        expect(await codeOf(speaker.speak({ tenantId, text: 'One.' }))).toBe(code);
      expect(await state()).toBe(left);
      expect(await state('another')).toBe('closed');
      const next = speaker.speak({ tenantId, text: 'One.' });
      if (left === 'open') expect(await codeOf(next)).toBe('INTEGRATION_UNAVAILABLE');
      else expect((await next).characters).toBe(4);
      expect((await speaker.speak({ tenantId: 'another', text: 'Two.' })).characters).toBe(4);
    },
  );

  it('is tried again after a 500, and after a time that the server asks for', async () => {
    const { service, speaker } = await rig({}, { attempts: 3 });
    service.server.manners.push(500, { status: 429, headers: { 'retry-after': '0' } });
    expect((await speaker.speak({ tenantId, text: 'One.' })).characters).toBe(4);
    expect(service.server.requests).toHaveLength(3);
  });

  it('tells how long to wait when its server names a time that is too far off', async () => {
    const { service, speaker } = await rig({}, { attempts: 3 });
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    service.server.manners.push({ status: 429, headers: { 'retry-after': date } }, 429);
    const refused = await speaker.speak({ tenantId, text: 'One.' }).catch((error: unknown) => error);
    const wait = Number((refused as CatalogueError).details?.['retry_after_ms']);
    expect(wait).toBeGreaterThan(1_800_000);
    expect(wait).toBeLessThanOrEqual(3_600_000);
    // One that names none is not repeated either.
    expect(await codeOf(speaker.speak({ tenantId, text: 'One.' }))).toBe('TTS_ERROR');
    expect(service.server.requests).toHaveLength(2);
  });

  it('ends with its listener', async () => {
    const { service, speaker, state } = await rig();
    service.server.manners.push('slow-headers');
    const leaving = new AbortController();
    const speaking = speaker.speak({ tenantId, text: 'One.', signal: leaving.signal });
    await until('it is asked', () => Promise.resolve(service.server.requests.length === 1));
    leaving.abort(new Error('gone'));
    await expect(speaking).rejects.toThrow('gone');
    await until('the connection is closed', () => Promise.resolve(service.server.openSockets === 0));
    expect(await state()).toBe('closed');
  });

  it('is none where nothing is configured, and constant bytes where that is', async () => {
    const none = await rig({ TTS_PROVIDER: 'none' });
    expect(await codeOf(none.speaker.speak({ tenantId, text: 'One.' }))).toBe('TTS_CONFIG_MISSING');
    const fake = await rig({ TTS_PROVIDER: 'fake' });
    const { bytes } = await fake.speaker.speak({ tenantId, text: 'One.' });
    expect(Buffer.from(bytes).toString()).toBe('FAKE_MP3_BYTES');
    expect([...none.service.asked, ...fake.service.asked]).toEqual([]);
  });
});
