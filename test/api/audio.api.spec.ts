import { createHash } from 'node:crypto';
import type { KeyScopes } from '#api/http/principal.js';
import { aPerson, aPolicy, byPolicy } from '#test/support/authorization.js';
import { TestClient } from '#test/support/client.js';
import {
  aCorpus,
  aDocument,
  eventsOf,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import type { Frame } from '#test/support/event-stream.js';
import { keyOfDaysAgo } from '#test/support/keys.js';
import { until } from '#test/support/until.js';
import { OpenAiSpeech, spokenBytes } from '#test/support/wire-openai-speech.js';

const question = { session_id: 's1', corpus_id: 'c1', message: 'Which colour has the kettle?', audio: true };

describe('a spoken answer', () => {
  let server: TestServer;
  let speech: OpenAiSpeech;
  let tenant: TestTenant;
  beforeAll(async () => {
    speech = await OpenAiSpeech.open();
    server = await openTestServer({
      TTS_PROVIDER: 'openai',
      OPENAI_TTS_BASE_URL: speech.baseUrl,
      TTS_TIMEOUT_MS: '5000',
      EXT_RETRY_MAX_ATTEMPTS: '1',
      RUN_SSE_HEARTBEAT_S: '1',
      RUN_RESUME_GRACE_S: '0',
      AUDIO_BASE_URL: 'https://audio.example/v1/',
    });
  });
  afterAll(async () => {
    await server.stop();
    await speech.close();
  });
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
    await aDocument(tenant, 'The kettle of the office is green and stands beside the sink.');
  });

  const dataOf = (frames: readonly Frame[], type: string) => frames.find((frame) => frame.type === type)?.data ?? {};
  const spoken = async (by = tenant.reader) => {
    const { frames, text } = await by.ask(question);
    const { audio_url: url, audio_id: id, mime } = dataOf(frames, 'audio.ready') as Record<string, string>;
    const answer = String(dataOf(frames, 'message.final')['text']);
    const heard = spokenBytes(answer.replaceAll(/\s*\[\d+\]/g, ''));
    const { pathname, searchParams } = new URL(url ?? 'x:');
    const address = `${pathname}?${searchParams.toString()}`;
    return { frames, text, url, id: id ?? '', mime, heard, path: pathname, address, query: searchParams };
  };
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${server.url}${path}`, { method, headers });
  const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
  const audioEvents = (id: string) => eventsOf(server.platform, `audio-${tenant.tenantId}.${id}`);

  it('comes after the text, at a signed address, and its frames are in the digest of the run', async () => {
    const { frames, text, url, id, mime } = await spoken();
    expect(frames.slice(-3).map(({ type }) => type)).toEqual(['message.final', 'audio.ready', 'done']);
    expect(mime).toBe('audio/mpeg');
    expect(url).toMatch(/^https:\/\/audio\.example\/v1\/audio\/[0-9a-f-]{36}\.mp3\?tenant=.*&expires=\d+&signature=/);
    const runId = frames[0]?.id.split(':')[0] ?? '';
    const [, completed, told] = await eventsOf(server.platform, `runs-${tenant.tenantId}.${runId}`);
    const digestOf = (some: readonly Frame[]) => ({
      count: some.length,
      sha256: createHash('sha256')
        .update(some.map((frame) => frame.text).join(''))
        .digest('hex'),
    });
    expect(frames.map((frame) => frame.text).join('')).toBe(text);
    const upToText = frames.slice(0, frames.findIndex(({ type }) => type === 'message.final') + 1);
    expect(completed).toMatchObject({ type: 'RunCompleted', data: { frames: digestOf(upToText) } });
    expect(told).toMatchObject({ type: 'RunSpeechTold', data: { told: 'audio.ready', frames: digestOf(frames) } });
    const [stored] = await audioEvents(id);
    expect(stored).toMatchObject({ type: 'AudioStored', data: { runId, provider: 'openai', mime: 'audio/mpeg' } });
    expect(JSON.stringify(stored)).not.toContain('kettle');
  });

  it('is heard by whoever holds the address, without a credential', async () => {
    const { address, heard } = await spoken();
    const response = await get(address);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('audio/mpeg');
    expect(response.headers.get('accept-ranges')).toBe('bytes');
    expect(await bytesOf(response)).toEqual(heard);
  });

  it('is heard without a signature by who may read its run, and by nobody else: 404', async () => {
    const { path, address, heard } = await spoken();
    const as = ({ key }: TestClient) => ({ authorization: `Bearer ${key ?? ''}` });
    for (const client of [tenant.reader, tenant.admin])
      expect(await bytesOf(await get(path, as(client)))).toEqual(heard);
    const other = await server.tenant();
    const stranger = await aPerson(server, tenant.tenantId, 'reader');
    for (const client of [tenant.editor, stranger.client, other.reader, other.admin]) {
      expect(await client.get(path)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
      // Whoever holds a signed address needs no credential, so that one takes nothing away.
      expect(await bytesOf(await get(address, as(client)))).toEqual(heard);
    }
    expect((await get(address, { authorization: 'Bearer garbage' })).status).toBe(401);
  });

  it('is heard by a key within its scopes only, whoever it is of: another corpus 404, another address or route 403', async () => {
    const person = await aPerson(server, tenant.tenantId, 'reader');
    const { path, address } = await spoken(person.client);
    const answers = async (scopes: KeyScopes) => {
      const { secret } = await keyOfDaysAgo(server.platform, tenant.tenantId, 0, { userId: person.userId, scopes });
      const { status, code } = await new TestClient(server.url, secret).get(path);
      const signed = await get(address, { authorization: `Bearer ${secret}` });
      return [status, code, signed.status];
    };
    expect(await answers({ corpora: ['c1'], routes: ['read'] })).toEqual([200, undefined, 200]);
    expect(await answers({ routes: ['GET /v1/audio/:audioId.mp3'] })).toEqual([200, undefined, 200]);
    expect(await answers({ corpora: ['c2'] })).toEqual([404, 'NOT_FOUND', 200]);
    expect(await answers({ networks: ['192.0.2.0/24'] })).toEqual([403, 'AUTH_FORBIDDEN', 200]);
    expect(await answers({ routes: ['run', 'GET /v1/corpora'] })).toEqual([403, 'AUTH_FORBIDDEN', 200]);
  });

  it('is heard by nobody whom policies deny its run, but for the holder of its address', async () => {
    const { path, address, frames } = await spoken();
    const runId = frames[0]?.id.split(':')[0] ?? '';
    await aPolicy(tenant, {
      resource_type: 'run',
      action: 'read',
      condition_json: { eq: { field: 'resource.id', value: runId } },
    });
    for (const client of [tenant.reader, tenant.admin])
      for (const read of [path, `/v1/runs/${runId}`]) expect(await client.get(read)).toMatchObject(byPolicy);
    expect((await get(address)).status).toBe(200);
  });

  it('is refused with 403 at an address that was changed in any part, and with 410 after its time', async () => {
    const { path, query, id } = await spoken();
    const other = await server.tenant();
    const changed = (name: string, value: string): string => {
      const params = new URLSearchParams(query);
      params.set(name, value);
      return `${path}?${params.toString()}`;
    };
    const signature = query.get('signature') ?? '';
    const wrong = [
      path,
      changed('tenant', other.tenantId),
      changed('expires', String(Number(query.get('expires')) + 1)),
      changed(
        'signature',
        signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
      ),
      changed('signature', ''),
      changed('signature', 'x'),
      `${path.replace(
        id,
        id.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      )}?${query.toString()}`,
    ];
    for (const address of wrong) {
      const answer = await server.anonymous.get(address);
      expect([address, answer.status, answer.code]).toEqual([address, 403, 'AUDIO_URL_INVALID']);
    }
  });

  it('is answered in ranges, to HEAD, and not again to who has it', async () => {
    const { address, heard } = await spoken();
    const size = heard.length;
    const range = async (value: string, more: Record<string, string> = {}) => {
      const response = await get(address, { range: value, ...more });
      return [response.status, response.headers.get('content-range'), (await bytesOf(response)).toString()];
    };
    expect(await range('bytes=0-2')).toEqual([206, `bytes 0-2/${size}`, 'ID3']);
    expect(await range('bytes=4-')).toEqual([206, `bytes 4-${size - 1}/${size}`, heard.subarray(4).toString()]);
    expect(await range('bytes=-3')).toEqual([
      206,
      `bytes ${size - 3}-${size - 1}/${size}`,
      heard.subarray(-3).toString(),
    ]);
    expect((await range(`bytes=${size}-`)).slice(0, 2)).toEqual([416, `bytes */${size}`]);
    for (const whole of ['bytes=3-1', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=-'])
      expect(await range(whole)).toEqual([200, null, heard.toString()]);
    const head = await get(address, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, String(size), '']);
    const etag = head.headers.get('etag') ?? '';
    expect((await get(address, { 'if-none-match': etag })).status).toBe(304);
    expect((await range('bytes=0-2', { 'if-range': etag }))[0]).toBe(206);
    expect((await range('bytes=0-2', { 'if-range': '"another"' }))[0]).toBe(200);
  });

  it('is told of an address that names nothing as 404', async () => {
    for (const id of ['01900000-0000-7000-8000-000000000001', 'nothing'])
      expect(await tenant.reader.get(`/v1/audio/${id}.mp3`)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });

  it('is encrypted where it is stored, and gone with its session', async () => {
    const { address, path, heard } = await spoken();
    const rows = await server.platform.database.query<{ sealed: Buffer }>(
      `select sealed from content.blob where tenant_id = $1 and kind = 'audio'`,
      [tenant.tenantId],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.sealed.includes(heard.subarray(0, 12))).toBe(false);
    expect((await tenant.reader.delete('/v1/sessions/s1')).status).toBeLessThan(300);
    await until('the audio is gone', async () => (await get(address)).status === 410);
    expect(await tenant.reader.get(path)).toMatchObject({ status: 410, code: 'AUDIO_GONE' });
  });

  it('has heartbeats while it is made, and does not fail its run when it fails', async () => {
    speech.server.manners.push('slow-headers');
    const { frames } = await tenant.reader.ask(question);
    const types = frames.map(({ type }) => type);
    expect(types.slice(-2)).toEqual(['audio.error', 'done']);
    expect(types.lastIndexOf('heartbeat')).toBeGreaterThan(types.lastIndexOf('message.final'));
    expect(dataOf(frames, 'audio.error')).toMatchObject({ code: 'INTEGRATION_TIMEOUT' });
    expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_, at) => at + 1));
  });

  it('does not keep its text waiting: that is told, and in the log, while the speech is still made', async () => {
    speech.server.manners.push('slow-headers');
    const asked = speech.server.requests.length;
    const stream = await tenant.reader.open(question);
    const runId = (await stream.until('message.final')).id.split(':')[0] ?? '';
    await until('the speech is asked for', () => Promise.resolve(speech.server.requests.length > asked));
    const types = async () =>
      (await eventsOf(server.platform, `runs-${tenant.tenantId}.${runId}`)).map(({ type }) => type);
    expect(await types()).toEqual(['RunStarted', 'RunCompleted']);
    await stream.rest();
    expect(await types()).toEqual(['RunStarted', 'RunCompleted', 'RunSpeechTold']);
  });

  it('is given up when its client leaves, and its run stays answered', async () => {
    // A provider that would answer much later than anyone needs to notice that the client has left.
    const settings = { TTS_PROVIDER: 'openai', OPENAI_TTS_BASE_URL: speech.baseUrl, TTS_TIMEOUT_MS: '60000' };
    const server = await openTestServer({ ...settings, RUN_RESUME_GRACE_S: '0' });
    const tenant = await server.tenant();
    await aCorpus(tenant);
    speech.server.manners.push('slow-headers');
    const stream = await tenant.reader.open(question, { 'idempotency-key': 'leaving' });
    const runId = (await stream.until('message.final')).id.split(':')[0] ?? '';
    stream.leave();
    const types = async () =>
      (await eventsOf(server.platform, `runs-${tenant.tenantId}.${runId}`)).map(({ type }) => type);
    await until('the speech is told of', async () => (await types()).includes('RunSpeechTold'));
    expect(await types()).toEqual(['RunStarted', 'RunCompleted', 'RunSpeechTold']);
    const { frames } = await tenant.reader.ask(question, { 'idempotency-key': 'leaving' });
    expect(dataOf(frames, 'audio.error')).toMatchObject({ code: 'TTS_CANCELLED' });
    expect(frames.filter(({ type }) => type === 'message.final')).toHaveLength(1);
    expect(frames.at(-1)?.type).toBe('done');
    await server.stop();
  });

  it.each([
    [401, 'TTS_AUTH_ERROR'],
    [500, 'TTS_ERROR'],
  ])('tells of a provider that answers %i, and the log does too', async (status, code) => {
    speech.server.manners.push(status);
    const { frames } = await tenant.reader.ask(question);
    expect(dataOf(frames, 'audio.error')).toMatchObject({ code });
    const audit = async () => (await tenant.admin.get('/v1/audit/events?event_type=audio.failed')).text;
    await until('the audit log tells it', async () => (await audit()).includes(code));
  });

  it('is refused with 403 to a plan without speech', async () => {
    const plain = await server.tenant({ plan: 'free' });
    await aCorpus(plain);
    expect(await plain.reader.post('/v1/run', question)).toMatchObject({ status: 403, code: 'FEATURE_NOT_ENABLED' });
  });
});

describe('spoken answers that are kept for a while', () => {
  it('have addresses that are not good after their time: 410', async () => {
    const server = await openTestServer({ TTS_PROVIDER: 'fake', AUDIO_URL_TTL_SECONDS: '1' });
    const tenant = await server.tenant();
    await aCorpus(tenant);
    const { frames } = await tenant.reader.ask(question);
    const url = new URL(String(frames.find(({ type }) => type === 'audio.ready')?.data['audio_url']));
    const address = `${url.pathname}${url.search}`;
    await until('the address is old', async () => (await server.anonymous.get(address)).status === 410);
    expect(await server.anonymous.get(address)).toMatchObject({ code: 'AUDIO_URL_EXPIRED' });
    await server.stop();
  });
});
