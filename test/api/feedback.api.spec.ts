import type { TestClient } from '#test/support/client.js';
import { everyEvent } from '#test/support/event-log.js';
import { aCorpus, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

interface Feedback {
  readonly run_id: string;
  readonly rating: string;
  readonly comment: string | null;
  readonly tags: readonly string[];
}

describe('feedback on an answer', () => {
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

  async function ask(message = 'Which?', as: TestClient = tenant.reader): Promise<string> {
    const { frames } = await as.ask({ session_id: 's1', corpus_id: 'c1', message });
    const run = frames[0]?.id.split(':')[0] ?? '';
    await until('the run has ended', async () => {
      const { status, data } = await as.get(`/v1/runs/${run}`);
      return status === 200 && (data as { status: string }).status !== 'running';
    });
    return run;
  }
  const rate = (run: string, body: object, as: TestClient = tenant.reader) => as.post(`/v1/runs/${run}/feedback`, body);

  it('is given, changed and taken back by who asked, and shown to admins with its counts', async () => {
    const [first, second] = [await ask(), await ask()];
    const given = await rate(first, { rating: 'down', comment: 'Beside the point', tags: ['wrong-source'] });
    expect(given).toMatchObject({ status: 200 });
    expect(given.data).toMatchObject({ run_id: first, rating: 'down', comment: 'Beside the point' });
    await rate(second, { rating: 'up' });
    expect((await tenant.reader.get(`/v1/runs/${first}/feedback`)).data).toEqual(given.data);
    const listed = async (query = '') =>
      ((await tenant.admin.get(`/v1/admin/feedback${query}`)).data as Feedback[]).map(({ run_id }) => run_id);
    const counts = async (query = '') => (await tenant.admin.get(`/v1/admin/feedback/counts${query}`)).data;
    expect(await listed()).toEqual([second, first]);
    expect(await listed('?rating=down&corpus_id=c1')).toEqual([first]);
    expect(await listed('?to=2020-01-01T00:00:00Z')).toEqual([]);
    expect(await counts()).toEqual({ up: 1, down: 1, by_corpus: [{ corpus_id: 'c1', up: 1, down: 1 }] });
    await rate(first, { rating: 'up' });
    expect(await counts()).toMatchObject({ up: 2, down: 0 });
    expect(await tenant.reader.delete(`/v1/runs/${first}/feedback`)).toMatchObject({ status: 204 });
    expect(await tenant.reader.delete(`/v1/runs/${first}/feedback`)).toMatchObject({ status: 404 });
    expect(await counts()).toMatchObject({ up: 1, down: 0 });
    expect(await counts('?corpus_id=c2')).toEqual({ up: 0, down: 0, by_corpus: [] });
  });

  it('is for who may see the conversation: 404 to other users and tenants, 401 and 403 to all others', async () => {
    const run = await ask();
    const other = await server.tenant();
    for (const client of [tenant.editor, other.admin])
      for (const answer of [
        await rate(run, { rating: 'up' }, client),
        await client.get(`/v1/runs/${run}/feedback`),
        await client.delete(`/v1/runs/${run}/feedback`),
        await client.get(`/v1/runs/${run}`),
      ])
        expect(answer).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await server.anonymous.get('/v1/admin/feedback')).toMatchObject({ status: 401 });
    expect(await tenant.editor.get('/v1/admin/feedback')).toMatchObject({ status: 403 });
    expect(await rate(run, { rating: 'up' }, tenant.admin)).toMatchObject({ status: 200 });
    expect((await other.admin.get('/v1/admin/feedback')).data).toEqual([]);
  });

  it('needs an answer, a rating that there is, and no novel', async () => {
    const failed = await ask('fail now');
    expect(await rate(failed, { rating: 'up' })).toMatchObject({ status: 409, code: 'RUN_HAS_NO_ANSWER' });
    const run = await ask();
    for (const body of [
      {},
      { rating: 'meh' },
      { rating: 'up', comment: 'x'.repeat(2_001) },
      { rating: 'up', tags: 'x' },
    ])
      expect(await rate(run, body)).toMatchObject({ status: 422 });
  });

  it('leaves no comment in the log, and loses it with its session', async () => {
    const run = await ask();
    await rate(run, { rating: 'down', comment: 'canary-77ab' });
    expect(JSON.stringify(await everyEvent(server.platform.log))).not.toContain('canary-77ab');
    expect(await tenant.reader.delete('/v1/sessions/s1')).toMatchObject({ status: 204 });
    await until('the comment is gone', async () => {
      const { data } = await tenant.admin.get('/v1/admin/feedback');
      const [left] = data as Feedback[];
      return left?.rating === 'down' && left.comment === null;
    });
  });

  it('stands beside the run, which its user and the admins see with its outcome', async () => {
    const run = await ask();
    await ask('fail now', tenant.editor);
    const { data } = await tenant.reader.get(`/v1/runs/${run}`);
    expect(data).toMatchObject({ id: run, session_id: 's1', corpus_id: 'c1', status: 'succeeded', degraded: true });
    expect(data).toMatchObject({ citations: [], citation_count: 0, reason_code: 'llm_unconfigured' });
    const ids = async (as: TestClient, query = '') =>
      ((await as.get(`/v1/runs${query}`)).data as { id: string; status: string }[]).map(({ status }) => status);
    expect(await ids(tenant.reader)).toEqual(['succeeded']);
    expect(await ids(tenant.admin)).toEqual(['failed', 'succeeded']);
    expect(await ids(tenant.admin, '?status=failed')).toEqual(['failed']);
    expect(await ids(tenant.admin, '?corpus_id=none')).toEqual([]);
  });
});
