import { createKey } from '#cli/operations/keys.js';
import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import { sessionIdFor } from '#api/commands/conversations.js';
import { TestClient } from '#test/support/client.js';
import { everyEvent } from '#test/support/event-log.js';
import {
  aCorpus,
  aDocument,
  openTestServer,
  shownKey,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';
import { until } from '#test/support/until.js';

interface Session {
  readonly id: string;
  readonly session_id: string;
  readonly user_id: string;
  readonly title: string | null;
  readonly corpus_id: string;
  readonly runs: number;
}

interface Message {
  readonly id: string;
  readonly run_id: string;
  readonly role: string;
  readonly text: string | null;
  readonly citations: readonly { readonly document_id: string; readonly chunk_id: string }[];
  readonly status: string;
  readonly degraded: boolean | null;
}

describe('a session', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
    await aCorpus(tenant);
  });

  /** Asks; the session shows the run when its stream has ended. */
  async function say(session_id: string, message: string, as = tenant.reader, corpus_id = 'c1'): Promise<string> {
    const { frames } = await as.ask({ session_id, corpus_id, message });
    const run = frames[0]?.id.split(':')[0] ?? '';
    const { data } = await as.get(`/v1/sessions/${session_id}/messages`);
    const mine = ((data ?? []) as Message[]).filter(({ run_id }) => run_id === run);
    expect(mine.filter(({ status }) => status !== 'running')).not.toEqual([]);
    return run;
  }
  const sessionsOf = async (as: TestClient, query = '') => (await as.get(`/v1/sessions${query}`)).data as Session[];
  const messagesOf = async (as: TestClient, id: string, query = '') =>
    (await as.get(`/v1/sessions/${id}/messages${query}`)).data as Message[];
  const historyOfLast = () => server.answerer.asked.at(-1)?.history ?? [];
  const anotherReader = async (): Promise<TestClient> => {
    const { tenantId } = tenant;
    const made = await createKey(server.platform, { tenantId, role: 'reader', name: 'another' });
    await shownKey(server.platform, tenantId, made.key_id);
    return new TestClient(server.url, made.api_key);
  };

  it('shows what was asked and answered, with what the answer stands on', async () => {
    const documentId = await aDocument(tenant, 'The kettle of the office is green.');
    const run = await say('s1', 'Which colour has the kettle?');
    const [question, answer, ...more] = await messagesOf(tenant.reader, 's1');
    expect(more).toEqual([]);
    expect(question).toMatchObject({ run_id: run, role: 'user', text: 'Which colour has the kettle?', citations: [] });
    expect(answer).toMatchObject({ run_id: run, role: 'assistant', status: 'succeeded', degraded: true });
    expect(answer?.text).toContain('green');
    expect(answer?.citations[0]).toMatchObject({ document_id: documentId });
    const [citation] = answer?.citations ?? [];
    const chunk = await tenant.reader.get(`/v1/documents/${documentId}/chunks/${citation?.chunk_id ?? ''}`);
    expect(chunk.data).toMatchObject({ text: 'The kettle of the office is green.', current: true, ordinal: 0 });
  });

  it('is listed with the one used last first, a page at a time, by corpus and by a part of its title', async () => {
    await aCorpus(tenant, 'c2');
    await say('one', 'First?');
    await say('two', 'Second?', tenant.reader, 'c2');
    await say('three', 'Third?');
    await say('one', 'Again?');
    const names = async (query = '') => (await sessionsOf(tenant.reader, query)).map(({ session_id }) => session_id);
    expect(await names()).toEqual(['one', 'three', 'two']);
    expect(await names('?corpus_id=c2')).toEqual(['two']);
    await tenant.reader.patch('/v1/sessions/two', { title: 'Über Kettles & cups' });
    expect(await names('?q=über%20KETT')).toEqual(['two']);
    expect(await names('?q=hre')).toEqual(['three']);
    const first = await tenant.reader.get('/v1/sessions?limit=2');
    const { next_cursor } = (first.body as { meta: { page: { next_cursor: string } } }).meta.page;
    expect(await names(`?limit=2&cursor=${next_cursor}`)).toEqual(['two']);
    expect(await tenant.reader.get(`/v1/sessions?q=x&cursor=${next_cursor}`)).toMatchObject({ code: 'INVALID_CURSOR' });
  });

  it('gives its messages a page at a time, from either end, without hole or repeat', async () => {
    for (const at of [1, 2, 3]) await say('s1', `Question ${at}?`);
    const whole = (await messagesOf(tenant.reader, 's1')).map(({ id }) => id);
    expect(whole).toHaveLength(6);
    for (const order of ['asc', 'desc']) {
      const read: string[] = [];
      let cursor = '';
      do {
        const page = await tenant.reader.get(`/v1/sessions/s1/messages?order=${order}&limit=1${cursor}`);
        read.push(...(page.data as Message[]).map(({ id }) => id));
        const { next_cursor } = (page.body as { meta: { page: { next_cursor: string | null } } }).meta.page;
        cursor = next_cursor === null ? '' : `&cursor=${next_cursor}`;
      } while (cursor !== '');
      expect(read).toEqual(order === 'asc' ? whole : [...whole].reverse());
    }
  });

  it('is given a title, which is taken away by null and left by silence', async () => {
    await say('s1', 'Which?');
    const title = async (body: object) => ((await tenant.reader.patch('/v1/sessions/s1', body)).data as Session).title;
    expect(await title({ title: 'Kettles' })).toBe('Kettles');
    expect(await title({})).toBe('Kettles');
    expect(await title({ title: null })).toBeNull();
    expect(await tenant.reader.patch('/v1/sessions/s1', { title: '' })).toMatchObject({ status: 422 });
    expect(await tenant.reader.patch('/v1/sessions/s1', { name: 'x' })).toMatchObject({ status: 422 });
    expect(await server.anonymous.get('/v1/sessions')).toMatchObject({ status: 401 });
  });

  it("is its user's and the admins': to other users of the tenant, and to other tenants, it is not there", async () => {
    await say('s1', 'My secret is hunter2.');
    const [mine] = await sessionsOf(tenant.reader);
    const id = mine?.id ?? '';
    expect((await sessionsOf(tenant.admin)).map((session) => session.id)).toEqual([id]);
    expect((await messagesOf(tenant.admin, id))[0]?.text).toBe('My secret is hunter2.');
    const stranger = await anotherReader();
    const other = await server.tenant();
    for (const client of [stranger, tenant.editor, other.admin]) {
      expect(await sessionsOf(client)).toEqual([]);
      for (const name of [id, 's1'])
        for (const path of [`/v1/sessions/${name}`, `/v1/sessions/${name}/messages`])
          expect(await client.get(path)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
      expect(await client.patch(`/v1/sessions/${id}`, { title: 'Mine' })).toMatchObject({ status: 404 });
      expect(await client.delete(`/v1/sessions/${id}`)).toMatchObject({ status: 404 });
    }
    await stranger.ask({ session_id: 's1', corpus_id: 'c1', message: 'What did I say?' });
    expect(historyOfLast()).toEqual([]);
  });

  it("plays no other user's run to a user that has its frames' ids", async () => {
    const { frames } = await tenant.reader.ask({ session_id: 's1', corpus_id: 'c1', message: 'Mine?' });
    const resume = { 'last-event-id': frames[0]?.id ?? '' };
    const question = { session_id: 's1', corpus_id: 'c1', message: 'ignored' };
    const types = async (client: TestClient) => (await client.ask(question, resume)).frames.map(({ type }) => type);
    expect(await types(await anotherReader())).toEqual(['resume.unsupported', 'done']);
    expect(await types(tenant.admin)).toContain('message.final');
  });

  it('puts what was said before into the prompt once, in its order, and no failed question', async () => {
    await say('s1', 'First?');
    await say('s1', 'fail now');
    const many = Array.from({ length: 12 }, (_, at) => `Question ${at}?`);
    for (const message of many) await say('s1', message);
    await say('s1', 'Last?');
    const asked = historyOfLast().filter(({ role }) => role === 'user');
    expect(asked.map(({ content }) => content)).toEqual(many.slice(-10));
    const roles = historyOfLast().map(({ role }) => role);
    expect(roles).toEqual(roles.map((_, at) => (at % 2 === 0 ? 'user' : 'assistant')));
    expect(server.answerer.asked.at(-1)?.question).toBe('Last?');
    await say('s1', `Long? ${'x'.repeat(23_900)}`);
    await say('s1', 'After?');
    expect(historyOfLast()).toHaveLength(2);
  });

  it('is erased with its key: nothing of it can be read, all of it is proved, and its name begins another', async () => {
    const secret = 'canary-9d1f';
    await say('s1', `Where is ${secret}?`);
    await tenant.reader.patch('/v1/sessions/s1', { title: `About ${secret}` });
    const [mine] = await sessionsOf(tenant.reader);
    const { content, keys, database } = server.platform;
    const subject = sessionSubject(tenant.tenantId, mine?.id ?? '', 0);
    const blobs = () =>
      database.query<{ id: string; key_id: string }>(
        'select id, key_id from content.blob where tenant_id = $1 and subject_kind = $2 and subject_id = $3',
        [subject.tenantId, subject.kind, subject.id],
      );
    const stored = await blobs();
    expect(stored.length).toBeGreaterThan(2);
    expect(await tenant.reader.delete(`/v1/sessions/${mine?.id ?? ''}`)).toMatchObject({ status: 204 });
    expect(await tenant.reader.delete(`/v1/sessions/${mine?.id ?? ''}`)).toMatchObject({ status: 404 });
    expect(await sessionsOf(tenant.admin)).toEqual([]);
    await until('its contents are gone', async () => (await blobs()).length === 0);
    const [first] = stored;
    expect(
      (
        await keys.open(
          tenant.tenantId,
          stored.map(({ key_id }) => key_id),
        )
      ).size,
    ).toBe(0);
    expect(await content.get(tenant.tenantId, first?.id ?? '')).toBeUndefined();
    const events = await everyEvent(server.platform.log);
    expect(JSON.stringify(events)).not.toContain(secret);
    const types = events.filter(({ metadata }) => metadata.tenantId === tenant.tenantId).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['RunStarted', 'RunCompleted', 'SessionRenamed', 'SessionDeleted']));
    await say('s1', 'What did I say?');
    expect(historyOfLast()).toEqual([]);
    expect(await sessionsOf(tenant.reader)).toMatchObject([{ session_id: 's1', runs: 1, title: null }]);
    expect((await messagesOf(tenant.reader, 's1')).map(({ text }) => text)[0]).toBe('What did I say?');
  });

  it('is resumed no more once it is deleted, and says so from every place', async () => {
    const question = { session_id: 's1', corpus_id: 'c1', message: 'Which?' };
    const { frames } = await tenant.reader.ask(question);
    expect(await tenant.reader.delete('/v1/sessions/s1')).toMatchObject({ status: 204 });
    const [runId] = (frames[0]?.id ?? '').split(':');
    const resumed = async (seq: number): Promise<string[]> => {
      const again = await tenant.reader.ask(question, { 'last-event-id': `${runId ?? ''}:${seq}` });
      return again.frames.map(({ type }) => type);
    };
    await until('its frames are gone', async () => !(await resumed(0)).includes('message.final'));
    for (const seq of [0, 1, frames.length - 1]) expect(await resumed(seq)).toEqual(['resume.unsupported', 'done']);
  });

  it('is deleted once under one Idempotency-Key', async () => {
    await say('s1', 'Which?');
    const key = { 'idempotency-key': 'gone' };
    for (const replayed of [null, 'true']) {
      const { status, headers } = await tenant.reader.delete('/v1/sessions/s1', key);
      expect([status, headers.get('idempotency-replayed')]).toEqual([204, replayed]);
    }
  });

  it('is on record when its messages are read, renamed or deleted', async () => {
    await say('s1', 'Which?');
    await tenant.reader.patch('/v1/sessions/s1', { title: 'A title' });
    await tenant.admin.get(`/v1/sessions/${sessionIdFor(tenant.tenantId, 'nobody', 'x')}/messages`);
    await tenant.reader.delete('/v1/sessions/s1');
    await until('all three are in the audit log', async () => {
      const { data } = await tenant.admin.get('/v1/audit/events?limit=100');
      const types = new Set((data as { items: { event_type: string }[] }).items.map(({ event_type }) => event_type));
      return ['session.messages.viewed', 'session.renamed', 'session.deleted'].every((type) => types.has(type));
    });
  });
});

describe('the chunks of a document', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
    tenant = await server.tenant();
    await aCorpus(tenant);
  });
  afterAll(() => server.stop());

  const text = Array.from({ length: 5 }, (_, at) => `Paragraph ${at} is about kettles.`).join('\n\n');

  it('are its text, letter for letter, in order, each with its neighbours', async () => {
    const id = await aDocument(tenant, text, { chunk_size_chars: 40, chunk_overlap_chars: 0 });
    const { data } = await tenant.reader.get(`/v1/documents/${id}/chunks`);
    const chunks = data as { id: string; ordinal: number; start: number; end: number; size: number }[];
    expect(chunks).toHaveLength(5);
    for (const [at, chunk] of chunks.entries()) {
      const one = await tenant.reader.get(`/v1/documents/${id}/chunks/${chunk.id}`);
      expect(one.data).toEqual({
        ...chunk,
        document_id: id,
        corpus_id: 'c1',
        text: text.slice(chunk.start, chunk.end),
        previous_id: chunks[at - 1]?.id ?? null,
        next_id: chunks[at + 1]?.id ?? null,
        current: true,
      });
    }
    const page = await tenant.reader.get(`/v1/documents/${id}/chunks?limit=3`);
    const { next_cursor } = (page.body as { meta: { page: { next_cursor: string } } }).meta.page;
    const rest = await tenant.reader.get(`/v1/documents/${id}/chunks?cursor=${next_cursor}`);
    expect(rest.data).toEqual(chunks.slice(3));
  });

  it('of an earlier indexing are gone, or say that they answer no question any more', async () => {
    const id = await aDocument(tenant, text, { document_id: 'again', chunk_size_chars: 40, chunk_overlap_chars: 0 });
    const [old] = (await tenant.reader.get(`/v1/documents/${id}/chunks`)).data as { id: string }[];
    await aDocument(tenant, 'Another text.', { document_id: id, overwrite: true });
    await until('the old version answers no more', async () => {
      const { status, data } = await tenant.reader.get(`/v1/documents/${id}/chunks/${old?.id ?? ''}`);
      return status === 404 || !(data as { current: boolean }).current;
    });
    expect((await tenant.reader.get(`/v1/documents/${id}/chunks`)).data).toMatchObject([{ ordinal: 0, size: 13 }]);
  });

  it('are not there for other tenants, for keys of other corpora, and under another document', async () => {
    const id = await aDocument(tenant, text);
    const other = await aDocument(tenant, 'Another text.');
    const [chunk] = (await tenant.reader.get(`/v1/documents/${id}/chunks`)).data as { id: string }[];
    const stranger = await server.tenant();
    for (const path of [`/v1/documents/${id}/chunks`, `/v1/documents/${id}/chunks/${chunk?.id ?? ''}`])
      expect(await stranger.admin.get(path)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    for (const name of [chunk?.id ?? '', 'nonsense'])
      expect(await tenant.admin.get(`/v1/documents/${other}/chunks/${name}`)).toMatchObject({ status: 404 });
    expect(await server.anonymous.get(`/v1/documents/${id}/chunks`)).toMatchObject({ status: 401 });
  });
});
