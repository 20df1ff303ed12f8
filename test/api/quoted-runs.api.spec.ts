import { createHash } from 'node:crypto';
import { runs } from '#domain/capabilities/runs/runs.decider.js';
import {
  aCorpus,
  aDocument,
  eventsOf,
  openTestServer,
  type TestServer,
  type TestTenant,
} from '#test/support/server.js';

/** Answers by quotation come at once, so that they are stored with the start of their run. */
describe('a run that is answered by quotation', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer({ LLM_PROVIDER: 'vertex' });
    tenant = await server.tenant();
    await aCorpus(tenant);
    await aDocument(tenant, 'The kettle of the office is green. The stove is red.');
  });
  afterAll(() => server.stop());

  const question = { session_id: 's1', corpus_id: 'c1', message: 'Which colour has the kettle?' };
  const streamOf = (runId: string) => `${runs.category}-${tenant.tenantId}.${runId}`;

  it('tells its words before its end', async () => {
    const { frames, text } = await tenant.reader.ask(question);
    const types = frames.map(({ type }) => type).filter((type) => type !== 'token.delta');
    expect(types).toEqual(['request.accepted', 'message.final', 'done']);
    expect(text).toContain('green');
    const [runId = ''] = (frames[0]?.id ?? '').split(':');
    const stored = await eventsOf(server.platform, streamOf(runId));
    expect(stored.map(({ type }) => type)).toEqual(['RunStarted', 'RunCompleted']);
    const sha256 = createHash('sha256')
      .update(frames.map((frame) => frame.text).join(''))
      .digest('hex');
    expect(stored[1]?.data).toMatchObject({ frames: { count: frames.length, sha256 } });
  });

  it('is one run for all who ask under one key at one time', async () => {
    const asked = await Promise.all(
      Array.from({ length: 8 }, () => tenant.reader.ask(question, { 'idempotency-key': 'twins' })),
    );
    expect(new Set(asked.map(({ text }) => text)).size).toBe(1);
    const [runId = ''] = (asked[0]?.frames[0]?.id ?? '').split(':');
    expect((await eventsOf(server.platform, streamOf(runId))).map(({ type }) => type)).toEqual([
      'RunStarted',
      'RunCompleted',
    ]);
  });

  it('is in every list when its stream has ended, and is stored in two steps', async () => {
    for (let times = 0; times < 25; times += 1) {
      const session = `session ${times}`;
      await tenant.reader.ask({ ...question, session_id: session });
      const { data } = await tenant.reader.get(`/v1/sessions/${encodeURIComponent(session)}/messages`);
      expect((data as { status: string }[]).map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    }
    const steps = await server.platform.database.query<{ steps: number }>(
      'select count(*)::int as steps from streams.batch where tenant_id = $1 group by stream_id order by 1',
      [tenant.tenantId],
    );
    // One whose passages were late has more.
    expect(steps[0]).toEqual({ steps: 2 });
  });
});
