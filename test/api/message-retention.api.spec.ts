import { runs } from '#domain/capabilities/runs/runs.decider.js';
import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import { conversationOf } from '#api/commands/conversations.js';
import { systemFacts } from '#cli/operations/keys.js';
import { aCorpus, eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

interface Message {
  readonly run_id: string;
  readonly role: string;
  readonly text: string | null;
}

describe('the retention of messages', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({ MESSAGE_RETENTION_DAYS: '30' });
    tenant = await server.tenant();
    await aCorpus(tenant);
  });
  afterAll(() => server.stop());

  /** A question of the admin that was asked and answered forty days ago. */
  async function saidLongAgo(name: string, text: string): Promise<string> {
    const { path, content } = server.platform;
    const { tenantId } = tenant;
    const { data } = await tenant.admin.get('/v1/ui/bootstrap');
    const { subject_id: userId } = (data as { principal: { subject_id: string } }).principal;
    const conversation = await conversationOf(path, { tenantId, userId, name });
    const { id: session, life } = conversation;
    const subject = sessionSubject(tenantId, session, life);
    const ref = await content.put(subject, 'run-message', new TextEncoder().encode(JSON.stringify({ text })));
    const facts = { ...systemFacts(tenantId, 'test'), now: new Date(Date.now() - 40 * 86_400_000).toISOString() };
    const runId = facts.newId;
    const asked = { runId, sessionId: name, session, life, userId, corpusId: 'c1', topK: null, message: ref };
    await path.run(runs, runId, { type: 'StartRun', data: asked }, facts);
    const failed = { code: 'UNKNOWN_ERROR', frames: null, durationMs: 1, trace: null };
    const end = { ...facts, commandId: systemFacts(tenantId, 'test').commandId };
    await path.run(runs, runId, { type: 'FailRun', data: failed }, end);
    await until('the run is shown', async () => {
      const shown = await tenant.admin.get(`/v1/runs/${runId}`);
      return shown.status === 200 && (shown.data as { status: string }).status === 'failed';
    });
    return runId;
  }
  const prune = async (more = '') =>
    (await tenant.admin.post(`/v1/admin/maintenance/run?task=prune_messages${more}`)).data as { deleted_rows: number };

  it('deletes sessions that nobody went on with, forgets the old words of the others, and tells of both', async () => {
    const idle = await saidLongAgo('idle', 'Old and idle');
    const old = await saidLongAgo('kept', 'Old words');
    const { frames } = await tenant.admin.ask({ session_id: 'kept', corpus_id: 'c1', message: 'New words' });
    const fresh = frames[0]?.id.split(':')[0] ?? '';
    const words = async () =>
      ((await tenant.admin.get('/v1/sessions/kept/messages')).data as Message[])
        .filter(({ role }) => role === 'user')
        .map(({ run_id, text }) => [run_id, text]);
    await until('both are shown', async () => (await words()).length === 2);
    expect(await prune('&dry_run=true')).toMatchObject({ status: 'counted', deleted_rows: 3 });
    expect(await prune()).toMatchObject({ status: 'completed', deleted_rows: 3 });
    await until('the words are gone', async () => (await words())[0]?.[1] === null);
    expect(await words()).toEqual([
      [old, null],
      [fresh, 'New words'],
    ]);
    expect(await tenant.admin.get('/v1/sessions/idle')).toMatchObject({ status: 404 });
    for (const run of [idle, old]) {
      const events = await eventsOf(server.platform, `runs-${tenant.tenantId}.${run}`);
      expect(events.map(({ type }) => type)).toEqual(['RunStarted', 'RunFailed', 'RunForgotten']);
    }
    expect(await prune()).toMatchObject({ deleted_rows: 0 });
    const status = await tenant.admin.get('/v1/admin/retention/status');
    expect(status.data).toMatchObject({ configured_days: { messages: 30 } });
  });
});
