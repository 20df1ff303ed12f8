import { randomBytes } from 'node:crypto';
import { createKey } from '#cli/operations/keys.js';
import { aPolicy } from '#test/support/authorization.js';
import { TestClient } from '#test/support/client.js';
import { testEngine } from '#test/support/database.js';
import type { EventStream, Frame } from '#test/support/event-stream.js';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

const PATH = '/v1/admin/events/stream';
const MOST = 4;

type Key = Awaited<ReturnType<typeof createKey>>;

describe('the event stream', () => {
  const env = {
    CRYPTO_LOCAL_MASTER_KEY: randomBytes(32).toString('hex'),
    LEDGER_SIGNING_KEY: randomBytes(32).toString('hex'),
    EVENT_STREAM_MAX_SUBSCRIBERS: String(MOST),
    RUN_SSE_HEARTBEAT_S: '1',
  };
  let server: TestServer;
  /** Another process on the same log; the embedded engine has one process only. */
  let second: TestServer;
  let tenant: TestTenant;
  let other: TestTenant;
  const open: EventStream[] = [];
  beforeAll(async () => {
    server = await openTestServer(env);
    const { DATABASE_URL: url, EVENTSTORE_URL: log } = server.platform.config.data;
    const stores = { DATABASE_URL: url?.reveal() ?? '', EVENTSTORE_URL: log?.reveal() ?? '' };
    second = url === undefined ? server : await openTestServer({ ...env, ...stores });
    tenant = await server.tenant();
    other = await server.tenant();
    for (const each of [tenant, other]) await aCorpus(each);
  });
  afterEach(() => {
    for (const stream of open.splice(0)) stream.leave();
  });
  afterAll(async () => {
    if (testEngine === 'postgres') await second.stop();
    await server.stop();
  });

  /** Opens a stream as soon as there is room for it. */
  async function follow(client: TestClient, query = '', headers: Record<string, string> = {}): Promise<EventStream> {
    let stream: EventStream | undefined;
    await until('a stream is free', async () => {
      stream = await client.follow(`${PATH}${query}`, headers);
      return stream.status === 200;
    });
    if (stream === undefined) throw new Error('no stream');
    open.push(stream);
    expect((await stream.next())?.event).toBe('ready');
    return stream;
  }

  async function nextEvent(stream: EventStream): Promise<Frame> {
    for (;;) {
      const frame = await stream.next();
      if (frame === undefined) throw new Error('the stream ended');
      // A corpus that is created chooses its model with it, and these tests count corpora.
      const counted = frame.event !== 'heartbeat' && frame.data['event_type'] !== 'corpora.embedding.chosen';
      if (counted) return frame;
    }
  }

  async function events(stream: EventStream, count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await nextEvent(stream));
    return frames;
  }

  const corpus = (of: TestTenant, id: string) => of.editor.post('/v1/corpora', { id, name: id });
  const idOf = (frame: Frame): unknown => frame.data['resource_id'];

  it('tells what is written, as the audit log shows it, and nothing of another tenant', async () => {
    const stream = await follow(tenant.admin, '?topic=documents,corpora');
    await corpus(other, 'theirs');
    await aDocument(tenant, 'A canary in the text.', { document_id: 'd1' });
    const frames = await events(stream, 3);
    expect(frames.map(({ event, data }) => [event, data['event_type'], data['tenant_id'], data['topic']])).toEqual([
      ['log.event', 'documents.ingest.enqueued', tenant.tenantId, 'documents'],
      ['log.event', 'documents.ingest.started', tenant.tenantId, 'documents'],
      ['log.event', 'documents.ingest.succeeded', tenant.tenantId, 'documents'],
    ]);
    expect(frames.map(({ id, data }) => id === data['position'])).toEqual([true, true, true]);
    expect(stream.text).not.toMatch(/canary|keyId|sha256/);
  });

  it('leaves out what is not of the topics that were asked for', async () => {
    const stream = await follow(tenant.admin, '?topic=corpora,%20apiKeys');
    await aDocument(tenant, 'Not shown.', { document_id: 'd2' });
    await corpus(tenant, 'shown');
    await createKey(server.platform, { tenantId: tenant.tenantId, role: 'reader', name: 'shown' });
    const types = (await events(stream, 2)).map(({ data }) => data['event_type']);
    expect(types).toEqual(['corpora.created', 'auth.api_key.created']);
    const refused = await tenant.admin.get(`${PATH}?topic=corpora,weather`);
    expect([refused.status, refused.code]).toEqual([400, 'BAD_REQUEST']);
  });

  it('is resumed at another process without loss and without doubling', async () => {
    const first = await follow(tenant.admin, '?topic=corpora');
    await corpus(tenant, 'r0');
    await corpus(tenant, 'r1');
    const [, last] = await events(first, 2);
    first.leave();
    for (let at = 2; at < 8; at += 1) await corpus(tenant, `r${at}`);
    const resumed = await follow(tenant.admin.at(second.url), '?topic=corpora', { 'last-event-id': last?.id ?? '' });
    const missed = await events(resumed, 3);
    resumed.leave();
    const headers = { 'last-event-id': missed.at(-1)?.id ?? '' };
    const back = await follow(tenant.admin, '?topic=corpora', headers);
    await corpus(tenant, 'r8');
    const rest = await events(back, 4);
    expect([...missed, ...rest].map(idOf)).toEqual(['r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8']);
  });

  it('loses and doubles nothing while events are written in mid-resumption', async () => {
    const start = await follow(tenant.admin, '?topic=corpora');
    await corpus(tenant, 'm0');
    const seen = (await events(start, 1)).map(idOf);
    let last = start.frames.at(-1)?.id ?? '';
    start.leave();
    const writing = (async () => {
      for (let at = 1; at <= 20; at += 1) await corpus(tenant, `m${at}`);
    })();
    for (let hop = 0; seen.length < 21; hop += 1) {
      const client = hop % 2 === 0 ? tenant.admin.at(second.url) : tenant.admin;
      const stream = await follow(client, '?topic=corpora', { 'last-event-id': last });
      const frames = await events(stream, Math.min(4, 21 - seen.length));
      stream.leave();
      seen.push(...frames.map(idOf));
      last = frames.at(-1)?.id ?? last;
    }
    await writing;
    expect(seen).toEqual(Array.from({ length: 21 }, (_, at) => `m${at}`));
  });

  it('carries in its heartbeats how far the log was looked through', async () => {
    const stream = await follow(tenant.admin, '?topic=ledgerBreaks');
    const before = stream.frames[0]?.id ?? '';
    await corpus(tenant, 'beat');
    let heartbeat = await stream.next();
    while (heartbeat !== undefined && heartbeat.id <= before) heartbeat = await stream.next();
    expect(heartbeat?.event).toBe('heartbeat');
  });

  it('refuses a place that is not in its log', async () => {
    for (const id of ['nonsense', '99999999999999999999', '1']) {
      const refused = await tenant.admin.get(PATH, { 'last-event-id': id });
      expect([refused.status, refused.code]).toEqual([400, 'INVALID_CURSOR']);
    }
  });

  it('ends when its key is revoked, disabled or expires', async () => {
    const key = (expiresAt?: string) =>
      createKey(server.platform, {
        tenantId: tenant.tenantId,
        role: 'admin',
        name: 'watcher',
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
    const ended = async (stream: EventStream): Promise<unknown> => {
      const frames = await stream.rest();
      expect(frames.at(-1)?.event).toBe('end');
      return frames.at(-1)?.data['code'];
    };
    const revoked = await key();
    const disabled = await key();
    const expiring = await key(new Date(Date.now() + 2_500).toISOString());
    const client = (made: { readonly api_key: string }) => new TestClient(second.url, made.api_key);
    const streams = [await follow(client(revoked)), await follow(client(disabled)), await follow(client(expiring))];
    const change = (made: { readonly key_id: string }, body: object) =>
      tenant.admin.patch(`/v1/admin/api-keys/${made.key_id}`, body);
    expect((await change(revoked, { revoke: true })).status).toBe(200);
    expect((await change(disabled, { active: false })).status).toBe(200);
    const codes = await Promise.all(streams.map(ended));
    expect(codes).toEqual(['AUTH_REVOKED_KEY', 'AUTH_DISABLED_KEY', 'AUTH_EXPIRED_KEY']);
  });

  it('ends when a policy denies it to its caller, or its key is limited to other routes', async () => {
    const keys = ['denied', 'limited', 'neither'].map((name) =>
      createKey(server.platform, { tenantId: tenant.tenantId, role: 'admin', name }),
    );
    const [denied, limited, neither] = (await Promise.all(keys)) as [Key, Key, Key];
    const streams = [denied, limited, neither].map(({ api_key }) => follow(new TestClient(second.url, api_key)));
    const [first, next, last] = (await Promise.all(streams)) as [EventStream, EventStream, EventStream];
    const condition_json = { eq: [{ var: 'principal.api_key_id' }, denied.key_id] };
    await aPolicy(tenant, { resource_type: 'audit', condition_json });
    await tenant.admin.patch(`/v1/admin/api-keys/${limited.key_id}`, { scopes: { routes: ['read'] } });
    expect((await first.rest()).at(-1)).toMatchObject({ event: 'end', data: { code: 'AUTHZ_DENIED' } });
    expect((await next.rest()).at(-1)).toMatchObject({ event: 'end', data: { code: 'AUTH_FORBIDDEN' } });
    await corpus(tenant, 'still-told');
    let frame = await nextEvent(last);
    while (idOf(frame) !== 'still-told') frame = await nextEvent(last);
    const again = await new TestClient(second.url, denied.api_key).get(PATH);
    expect([again.status, again.code]).toEqual([403, 'AUTHZ_DENIED']);
  });

  it('has a bounded number of subscribers, and room again when one leaves', async () => {
    for (let at = 0; at < MOST; at += 1) await follow(tenant.admin);
    const refused = await tenant.admin.get(PATH);
    expect([refused.status, refused.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    open[0]?.leave();
    await follow(tenant.admin);
  });

  it('is for admins of plans with the audit log: 401, 403, and 403 for another tenant', async () => {
    expect((await server.anonymous.get(PATH)).status).toBe(401);
    expect((await tenant.editor.get(PATH)).status).toBe(403);
    for (const asked of [other.tenantId, '*', '_system']) {
      const refused = await tenant.admin.get(`${PATH}?tenant_id=${encodeURIComponent(asked)}`);
      expect([refused.status, refused.code]).toEqual([403, 'AUTH_FORBIDDEN']);
    }
    const free = await server.tenant({ plan: 'free' });
    expect((await free.admin.get(PATH)).code).toBe('FEATURE_NOT_ENABLED');
  });

  it('shows platform operators one tenant or all', async () => {
    const operator = server.operator(tenant.tenantId);
    const all = await follow(operator, '?tenant_id=*&topic=corpora', { 'x-tenant-id': tenant.tenantId });
    const one = await follow(operator, `?tenant_id=${other.tenantId}&topic=corpora`, {
      'x-tenant-id': tenant.tenantId,
    });
    await corpus(tenant, 'of-one');
    await corpus(other, 'of-the-other');
    expect((await events(all, 2)).map(idOf)).toEqual(['of-one', 'of-the-other']);
    expect((await events(one, 1)).map(idOf)).toEqual(['of-the-other']);
  });
});
