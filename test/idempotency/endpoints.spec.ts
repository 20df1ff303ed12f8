import type { Answer, TestClient } from '#test/support/client.js';
import { aCorpus, aDocument, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

/** What belongs to one delivery, not to the answer. */
const OF_DELIVERY = new Set(['date', 'connection', 'keep-alive', 'idempotency-replayed', 'content-length']);

const whole = ({ status, text, headers }: Answer) => ({
  status,
  text,
  headers: Object.fromEntries([...headers].filter(([name]) => !OF_DELIVERY.has(name))),
});
const replayed = ({ headers }: Answer): boolean => headers.get('idempotency-replayed') === 'true';
const under = (key: string) => ({ 'idempotency-key': key });

describe('a repeated Idempotency-Key at the endpoints', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  const query = <R>(text: string, params: unknown[]): Promise<R[]> => server.platform.database.query<R>(text, params);
  const newKey = (client: TestClient, key: string): Promise<Answer> =>
    client.post('/v1/self-serve/api-keys', { name: 'made', role: 'reader' }, under(key));
  const keysNamed = async (): Promise<number> => {
    const rows = await query<{ n: string }>(
      `select count(*) as n from read.api_keys_v2 where tenant_id = $1 and name = $2`,
      [tenant.tenantId, 'made'],
    );
    return Number(rows[0]?.n);
  };

  it('makes one API key of 16 twins, who wait and get the same bytes and headers', async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, () => newKey(tenant.admin, 'twins')));
    const [first] = answers.filter((answer) => !replayed(answer));
    expect(answers.filter((answer) => !replayed(answer))).toHaveLength(1);
    if (first === undefined) throw new Error('nobody was the first');
    expect(first.status).toBe(200);
    for (const answer of answers) expect(whole(answer)).toEqual(whole(first));
    expect(await keysNamed()).toBe(1);
  });

  it('shows a secret again that no row keeps in clear', async () => {
    const first = await newKey(tenant.admin, 'secret');
    const { api_key: secret } = first.data as { api_key: string };
    expect(secret).toMatch(/^nrgk_/);
    expect(whole(await newKey(tenant.admin, 'secret'))).toEqual(whole(first));
    const rows = await query<{ text: string; response: Buffer; status: number }>(
      'select c::text as text, c.response, c.status from idempotency.claim c where tenant_id = $1',
      [tenant.tenantId],
    );
    expect(rows.map(({ status }) => status)).toEqual([200]);
    for (const { text, response } of rows) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret).toString('hex'));
      expect(Buffer.from(response).includes(secret)).toBe(false);
      expect(response.length).toBeGreaterThan(secret.length);
    }
  });

  it('runs anew once its answer has expired, and replays the new one', async () => {
    const first = await newKey(tenant.admin, 'expiring');
    await query(`update idempotency.claim set expires_at = clock_timestamp() - interval '1 s' where tenant_id = $1`, [
      tenant.tenantId,
    ]);
    const second = await newKey(tenant.admin, 'expiring');
    expect([second.status, replayed(second), second.text === first.text]).toEqual([200, false, false]);
    expect(whole(await newKey(tenant.admin, 'expiring'))).toEqual(whole(second));
    expect(await keysNamed()).toBe(2);
  });

  it('replays a deletion as the 204 that it was, without a body, although there is nothing left', async () => {
    await aCorpus(tenant);
    const id = await aDocument(tenant, 'A text that will be gone.');
    const first = await tenant.editor.delete(`/v1/documents/${id}`, under('gone'));
    const again = await tenant.editor.delete(`/v1/documents/${id}`, under('gone'));
    expect([first.status, first.text, replayed(first)]).toEqual([204, '', false]);
    expect([whole(again), replayed(again)]).toEqual([whole(first), true]);
    expect((await tenant.editor.delete(`/v1/documents/${id}`, under('other'))).status).toBe(404);
  });

  it('replays a reindex while the first one is at work, instead of a conflict', async () => {
    await aCorpus(tenant);
    const id = await aDocument(tenant, 'A text to be cut anew.');
    const reindex = (key: string): Promise<Answer> => tenant.editor.post(`/v1/documents/${id}/reindex`, {}, under(key));
    const first = await reindex('again');
    expect(first.status).toBe(202);
    expect(whole(await reindex('again'))).toEqual(whole(first));
  });

  it('replays nothing of a refusal: what has become possible is done', async () => {
    const { editor } = tenant;
    const change = (): Promise<Answer> => editor.patch('/v1/corpora/c1', { name: 'Two' }, under('change'));
    expect((await change()).status).toBe(404);
    await aCorpus(tenant);
    const done = await change();
    expect([done.status, replayed(done)]).toEqual([200, false]);
    expect(whole(await change())).toEqual(whole(done));
  });

  it('is claimed before any look at the state, so that a twin of a conflict is no conflict', async () => {
    const { editor } = tenant;
    const create = (key: string): Promise<Answer> => editor.post('/v1/corpora', { id: 'c1', name: 'One' }, under(key));
    const answers = await Promise.all([create('a'), create('a'), create('a'), create('a')]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect((await create('b')).status).toBe(409);
  });

  it('belongs to one caller, address and method', async () => {
    const first = await newKey(tenant.admin, 'mine');
    const other = await server.tenant();
    expect(replayed(await newKey(other.admin, 'mine'))).toBe(false);
    const refused = await tenant.admin.post('/v1/self-serve/api-keys', { name: 'else', role: 'reader' }, under('mine'));
    expect([refused.status, refused.code]).toEqual([409, 'IDEMPOTENCY_KEY_CONFLICT']);
    expect(whole(await newKey(tenant.admin, 'mine'))).toEqual(whole(first));
  });
});
