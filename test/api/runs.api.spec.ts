import { createHash } from 'node:crypto';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import {
  aCorpus,
  aDocument,
  eventsOf,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import { until } from '#test/support/until.js';
import type { Frame } from '#test/support/event-stream.js';
import { everyEvent } from '#test/support/event-log.js';

const text = [
  'The kettle of the office is green and stands beside the sink.',
  'Every morning at nine the kettle is filled with fresh water by whoever comes first.',
  'The cups are red. Nobody knows why.',
].join('\n\n');

describe('a run', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({
      RUN_SSE_HEARTBEAT_S: '1',
      RUN_RESUME_GRACE_S: '1',
      RUN_MAX_CONCURRENCY: '3',
      DEBUG_EVENTS: 'true',
    });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
  });

  const asked = (message: string, more: object = {}) => ({ session_id: 's1', corpus_id: 'c1', message, ...more });
  const ask = (message: string, more: object = {}, headers: Record<string, string> = {}) =>
    tenant.reader.ask(asked(message, more), headers);
  const typesOf = (frames: readonly Frame[]): string[] => [...new Set(frames.map(({ type }) => type))];
  const finalOf = (frames: readonly Frame[]) => frames.find(({ type }) => type === 'message.final')?.data ?? {};
  const errorOf = (frames: readonly Frame[]) => frames.find(({ type }) => type === 'error')?.data ?? {};

  it('streams its frames in order, numbered without holes, each with the run in its id', async () => {
    await aDocument(tenant, text);
    const { status, headers, frames } = await ask('Which colour has the kettle?', {}, { 'x-request-id': 'req-1' });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/event-stream');
    expect(headers.get('cache-control')).toBe('no-cache');
    expect(headers.get('x-request-id')).toBe('req-1');
    expect(typesOf(frames)).toEqual(['request.accepted', 'debug.retrieval', 'token.delta', 'message.final', 'done']);
    const run = frames[0]?.id.split(':')[0] ?? '';
    expect(run).toMatch(/^[0-9a-f-]{36}$/);
    expect(frames.map(({ id }) => id)).toEqual(frames.map((_, at) => `${run}:${at + 1}`));
    expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_, at) => at + 1));
    for (const frame of frames) expect(frame).toMatchObject({ event: 'message', requestId: 'req-1', sessionId: 's1' });
    const deltas = frames.filter(({ type }) => type === 'token.delta').map(({ data }) => data['delta']);
    expect(deltas.join('')).toBe(finalOf(frames)['text']);
  });

  it('cites what stands in the document, letter for letter', async () => {
    const id = await aDocument(tenant, text, { filename: 'office.txt' });
    const { frames } = await ask('Which colour has the kettle of the office?');
    const final = finalOf(frames);
    const citations = final['citations'] as Record<string, unknown>[];
    expect(citations.length).toBeGreaterThan(0);
    for (const [at, citation] of citations.entries()) {
      expect(citation).toEqual({
        source: expect.any(String),
        document_id: id,
        chunk_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        start: expect.any(Number),
        end: expect.any(Number),
        page_start: null,
        page_end: null,
        quote: text.slice(Number(citation['start']), Number(citation['end'])),
        score: expect.any(Number),
      });
      const quote = text.slice(Number(citation['start']), Number(citation['end']));
      expect(final['text']).toContain(`“${quote}” [${at + 1}]`);
      expect(citation['score']).toBeGreaterThanOrEqual(0);
      expect(citation['score']).toBeLessThanOrEqual(1);
    }
    expect(final).toMatchObject({ degraded: true, reason_code: 'llm_unconfigured' });
  });

  it('says that it found nothing when no document of the caller says anything', async () => {
    const other = await server.tenant();
    await aCorpus(other);
    await aDocument(other, text);
    const { frames } = await ask('Which colour has the kettle?');
    expect(finalOf(frames)).toMatchObject({ citations: [] });
    expect(JSON.stringify(frames)).not.toContain('green');
  });

  it('keeps its answer for its log entry: one start, one end, and the digest of exactly the bytes that were sent', async () => {
    await aDocument(tenant, text);
    const { frames, text: sent } = await ask('Which colour has the kettle?');
    expect(await outcomeOf(frames)).toMatchObject({
      types: ['RunStarted', 'RunCompleted'],
      data: { frames: { count: frames.length, sha256: createHash('sha256').update(sent).digest('hex') } },
    });
  });

  it('sends heartbeats while it has nothing to say, numbered like everything else', async () => {
    const stream = await tenant.reader.open(asked('gated please'));
    const beat = await stream.until('heartbeat');
    expect(beat.event).toBe('heartbeat');
    expect(beat.data).toEqual({ ts: expect.stringMatching(/Z$/), request_id: beat.requestId, seq: beat.seq });
    server.answerer.open();
    const frames = await stream.rest();
    expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_, at) => at + 1));
    expect(finalOf(frames)).toMatchObject({ text: 'one two three', degraded: false });
  });

  it('ends with an error frame and done for a corpus that is not there, or is of another tenant', async () => {
    const other = await server.tenant();
    await aCorpus(other, 'theirs');
    for (const corpus_id of ['none', 'theirs']) {
      const { status, frames } = await ask('Anything?', { corpus_id });
      expect(status).toBe(200);
      expect(frames.map(({ type }) => type)).toEqual(['request.accepted', 'error', 'done']);
      expect(errorOf(frames)).toEqual({ code: 'RETRIEVAL_CONFIG_INVALID', message: 'corpus not found' });
    }
  });

  it('ends with an error frame and done when the answerer fails, and tells nothing of why', async () => {
    const { frames, text: sent } = await ask('fail now');
    expect(typesOf(frames)).toEqual(['request.accepted', 'debug.retrieval', 'error', 'done']);
    expect(errorOf(frames)).toEqual({ code: 'UNKNOWN_ERROR', message: 'The run failed' });
    expect(sent).not.toContain('sk-secret');
    await until('the failure is an event', async () => (await outcomeOf(frames)).types.includes('RunFailed'));
  });

  it('ends at once with an error frame and done when its answer cannot be stored as it is', async () => {
    const { frames } = await ask('miscounted please');
    expect(typesOf(frames)).toEqual(['request.accepted', 'debug.retrieval', 'token.delta', 'error', 'done']);
    // Else its rescue would end it, when its process has been silent for long.
    expect(errorOf(frames)).toMatchObject({ code: 'UNKNOWN_ERROR' });
    await until('the failure is an event', async () => (await outcomeOf(frames)).types.includes('RunFailed'));
  });

  it('answers without a voice when audio is asked for', async () => {
    const { frames } = await ask('Which colour has the kettle?', { audio: true });
    expect(frames.slice(-3).map(({ type }) => type)).toEqual(['message.final', 'audio.error', 'done']);
    expect(frames.at(-2)?.data).toMatchObject({ code: 'TTS_CONFIG_MISSING' });
  });

  it.each([
    ['no message', { message: undefined }],
    ['no passage', { top_k: 0 }],
    ['too many passages', { top_k: 51 }],
    ['a number as text', { top_k: '5' }],
    ['an unknown field', { hint: 'hunter2' }],
    ['a session that is no text', { session_id: 7 }],
    ['a message that is no text', { message: ['hunter2'] }],
  ])('refuses %s with 422, without repeating it', async (_, body) => {
    const refused = await tenant.reader.post('/v1/run', asked('Which?', body));
    expect(refused).toMatchObject({ status: 422, code: 'REQUEST_VALIDATION_ERROR' });
    expect(refused.text).not.toContain('hunter2');
  });

  it('uses as many passages as it is asked to, and else as many as the corpus says', async () => {
    for (const at of [1, 2, 3]) await aDocument(tenant, `The kettle number ${at} is green.`);
    await tenant.editor.patch('/v1/corpora/c1', {
      provider_config_json: { retrieval: { provider: 'local_pgvector', top_k_default: 2 } },
    });
    const passages = async (more: object) => {
      const { frames } = await ask('Which colour has the kettle?', more);
      return frames.find(({ type }) => type === 'debug.retrieval')?.data['num_chunks'];
    };
    expect(await passages({})).toBe(2);
    expect(await passages({ top_k: 1 })).toBe(1);
    expect(await passages({ top_k: 50 })).toBe(3);
  });

  it('answers 401 without a key', async () => {
    expect(await server.anonymous.post('/v1/run', asked('Which?'))).toMatchObject({ status: 401 });
    for (const client of [tenant.editor, tenant.admin]) expect((await client.ask(asked('Which?'))).status).toBe(200);
  });

  it('goes on for a client that comes back in the middle: both halves are one stream', async () => {
    const first = await tenant.reader.open(asked('gated please'));
    await first.until('token.delta');
    first.leave();
    const seen = first.frames.at(-1);
    const second = await tenant.reader.open(asked('ignored'), { 'last-event-id': seen?.id ?? '' });
    expect(second.status).toBe(200);
    expect((await second.next())?.seq).toBe((seen?.seq ?? 0) + 1);
    server.answerer.open();
    const rest = await second.rest();
    const whole = [...first.frames, ...rest].map((frame) => frame.text).join('');
    expect(await outcomeOf(rest)).toMatchObject({
      data: { frames: { sha256: createHash('sha256').update(whole).digest('hex') } },
    });
  });

  it('is replayed byte for byte after its end, from any place', async () => {
    const { frames, text: sent } = await ask('Which colour has the kettle?');
    for (const at of [1, Math.floor(frames.length / 2), frames.length]) {
      const again = await ask('ignored', {}, { 'last-event-id': frames[at - 1]?.id ?? '' });
      expect(
        frames
          .slice(0, at)
          .map((frame) => frame.text)
          .join('') + again.text,
      ).toBe(sent);
    }
  });

  it.each(['17', 'nonsense', '01900000-0000-7000-8000-000000000000:3', ''])(
    'says that the id %j cannot be resumed',
    async (id) => {
      const { status, frames } = await ask('Which?', {}, { 'last-event-id': id });
      expect(status).toBe(200);
      expect(frames.map(({ type }) => type)).toEqual(['resume.unsupported', 'done']);
    },
  );

  it("is not played to another tenant that has its frames' ids", async () => {
    const { frames } = await ask('Which colour has the kettle?');
    const other = await server.tenant();
    const stolen = await other.reader.ask(asked('Which?'), { 'last-event-id': frames[0]?.id ?? '' });
    expect(stolen.frames.map(({ type }) => type)).toEqual(['resume.unsupported', 'done']);
  });

  it('is played again under its Idempotency-Key, also while it runs, and asked once', async () => {
    const key = { 'idempotency-key': 'once' };
    const before = server.answerer.asked.length;
    const first = await tenant.reader.open(asked('gated once'), key);
    await first.until('token.delta');
    const twin = await tenant.reader.open(asked('gated once'), key);
    await twin.until('token.delta');
    server.answerer.open();
    await Promise.all([first.rest(), twin.rest()]);
    const later = await ask('gated once', {}, key);
    expect(twin.text).toBe(first.text);
    expect(later.text).toBe(first.text);
    for (const repeat of [twin, later]) {
      expect(repeat.headers.get('idempotency-replayed')).toBe('true');
      for (const name of ['x-request-id', 'content-type', 'x-quota-day-used', 'cache-control'])
        expect([name, repeat.headers.get(name)]).toEqual([name, first.headers.get(name)]);
    }
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(server.answerer.asked.length - before).toBe(1);
    const conflict = await tenant.reader.post('/v1/run', asked('another question'), key);
    expect(conflict).toMatchObject({ status: 409, code: 'IDEMPOTENCY_KEY_CONFLICT' });
    expect((await tenant.admin.ask(asked('Which?'), key)).text).not.toBe(first.text);
  });

  it('refuses a blank or a long Idempotency-Key like every other endpoint', async () => {
    const refused = (key: string) => tenant.reader.post('/v1/run', asked('Which?'), { 'idempotency-key': key });
    expect(await refused('  ')).toMatchObject({ status: 400, code: 'IDEMPOTENCY_KEY_INVALID' });
    expect(await refused('k'.repeat(129))).toMatchObject({ status: 422 });
  });

  it('is refused with 503 while all slots are taken, and a slot is free again when a run ends', async () => {
    const streams = await Promise.all([1, 2, 3].map(() => tenant.reader.open(asked('gated busy'))));
    await Promise.all(streams.map((stream) => stream.until('token.delta')));
    const refused = await tenant.reader.post('/v1/run', asked('Which?'));
    expect(refused).toMatchObject({ status: 503, code: 'SERVICE_BUSY' });
    expect(refused.headers.get('retry-after')).toBe('1');
    server.answerer.open();
    await Promise.all(streams.map((stream) => stream.rest()));
    await until('a slot is free', async () => (await tenant.reader.ask(asked('Which?'))).status === 200);
  });

  it('is cancelled when its client stays away, and says so to whoever comes later', async () => {
    const stream = await tenant.reader.open(asked('gated for ever'));
    const accepted = await stream.until('request.accepted');
    stream.leave();
    await until('the run is cancelled', async () => (await outcomeOf([accepted])).types.includes('RunCancelled'));
    expect((await outcomeOf([accepted])).data).toMatchObject({ reason: 'client_left' });
    const later = await ask('ignored', {}, { 'last-event-id': accepted.id });
    expect(later.frames.slice(-2).map(({ type }) => type)).toEqual(['error', 'done']);
    expect(errorOf(later.frames)).toMatchObject({ code: 'RUN_CANCELLED' });
  });

  it('knows what was said before in its session, and nothing of another', async () => {
    await aDocument(tenant, text);
    const first = await ask('Which colour has the kettle?', { session_id: 'talk' });
    await ask('Something else?', { session_id: 'other' });
    await ask('And the cups?', { session_id: 'talk' });
    expect(server.answerer.asked.at(-1)?.history).toEqual([
      { role: 'user', content: 'Which colour has the kettle?' },
      { role: 'assistant', content: finalOf(first.frames)['text'] },
    ]);
    await ask('fail now', { session_id: 'talk' });
    await ask('And now?', { session_id: 'talk' });
    expect(server.answerer.asked.at(-1)?.history).toHaveLength(4);
  });

  it('knows answers that the read model does not show yet, in their order', async () => {
    await aDocument(tenant, text);
    const { database } = server.platform;
    const model = `read.${runRows.table}_v${runRows.version}`;
    const questions = ['Which colour has the kettle?', 'And the cups?', 'Who fills the kettle?'];
    const ids: string[] = [];
    for (const question of questions) {
      const { frames } = await ask(question, { session_id: 'behind' });
      ids.push(frames[0]?.id.split(':')[0] ?? '');
    }
    await until('the model shows them', async () => {
      const shown = await database.query(`select from ${model} where id = any($1) and status = 'succeeded'`, [ids]);
      return shown.length === 3;
    });
    // As it was before it heard of the last two: one had begun, the other had not.
    await database.execute(`update ${model} set status = 'running', answer_content_id = null where id = $1`, [ids[1]]);
    await database.execute(`delete from ${model} where id = $1`, [ids[2]]);
    await ask('And now?', { session_id: 'behind' });
    const history = server.answerer.asked.at(-1)?.history ?? [];
    expect(history.filter(({ role }) => role === 'user').map(({ content }) => content)).toEqual(questions);
    expect(history).toHaveLength(6);
  });

  it('lets two tenants have a session of the same name, without a sign of the other', async () => {
    const other = await server.tenant();
    await aCorpus(other);
    await ask('My secret is hunter2.', { session_id: 'same' });
    const theirs = await other.reader.ask(asked('Which?', { session_id: 'same' }));
    expect(theirs.frames.at(-1)?.type).toBe('done');
    expect(theirs.frames.some(({ type }) => type === 'error')).toBe(false);
    expect(server.answerer.asked.at(-1)?.history).toEqual([]);
  });

  it('streams under the old address too, with the date of its end', async () => {
    const stream = await tenant.reader.open(asked('Which?'), {}, '/run');
    expect(stream.headers.get('deprecation')).toBe('true');
    expect((await stream.rest()).at(-1)?.type).toBe('done');
  });

  it('leaves no question, no answer and no session text in the event log', async () => {
    const canary = 'canary-51ac9e';
    await ask(`Where is ${canary}?`);
    expect(JSON.stringify(await everyEvent(server.platform.log))).not.toContain(canary);
    expect(server.lines.join('')).not.toContain(canary);
  });

  async function outcomeOf([frame]: readonly Frame[]): Promise<{ types: string[]; data: Record<string, unknown> }> {
    const run = frame?.id.split(':')[0] ?? '';
    const events = await eventsOf(server.platform, `runs-${tenant.tenantId}.${run}`);
    return { types: events.map(({ type }) => type), data: events.at(-1)?.data ?? {} };
  }
});
