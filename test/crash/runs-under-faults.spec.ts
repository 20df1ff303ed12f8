import { createHash } from 'node:crypto';
import { streamName } from '#domain/kernel/streams.js';
import type { Database } from '#infra/database/database.js';
import { aCorpus, eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await openTestServer({ RUN_MAX_CONCURRENCY: '2' });
});

afterAll(() => server.stop());

beforeEach(async () => {
  tenant = await server.tenant();
  await aCorpus(tenant);
});

const question = (message: string) => ({ session_id: 's1', corpus_id: 'c1', message });

/** The next `times` statements that record frames find their connection cut. */
function cutConnections(database: Database, times: number): () => number {
  let left = times;
  const { query, queryPrepared, queryTogether, execute } = database;
  const cut = (text: string): void => {
    if (left === 0 || !text.includes('streams.batch')) return;
    left -= 1;
    throw Object.assign(new Error('terminating connection due to administrator command'), { code: '57P01' });
  };
  Object.assign(database, {
    query: async (...args: Parameters<Database['query']>) => (cut(args[0]), query.apply(database, args)),
    queryPrepared: async (...args: Parameters<Database['queryPrepared']>) => (
      cut(args[0]),
      queryPrepared.apply(database, args)
    ),
    queryTogether: async (...args: Parameters<Database['queryTogether']>) => (
      cut(args[0]),
      queryTogether.apply(database, args)
    ),
    execute: async (...args: Parameters<Database['execute']>) => (cut(args[0]), execute.apply(database, args)),
  });
  return () => left;
}

describe('a run', () => {
  it('whose store is away for a moment ends with its answer, told once, as the log has it', async () => {
    const stream = await tenant.reader.open(question('gated please'));
    await stream.until('token.delta');
    const left = cutConnections(server.platform.database, 3);
    server.answerer.open();
    const frames = await stream.rest();
    expect(left()).toBe(0);
    expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_, at) => at + 1));
    expect(frames.slice(-2).map(({ type }) => type)).toEqual(['message.final', 'done']);
    expect(frames.filter(({ type }) => type === 'error' || type === 'done')).toHaveLength(1);
    const runId = frames[0]?.id.split(':')[0] ?? '';
    const ended = (await eventsOf(server.platform, streamName('runs', tenant.tenantId, runId))).at(-1);
    const sha256 = createHash('sha256').update(stream.text).digest('hex');
    expect(ended).toMatchObject({ type: 'RunCompleted', data: { frames: { count: frames.length, sha256 } } });
  });

  it('keeps its slot while twins under its Idempotency-Key come and go', async () => {
    const headers = { 'idempotency-key': 'twins' };
    const first = await tenant.reader.open(question('gated please'), headers);
    await first.until('token.delta');
    const second = await tenant.reader.open(question('gated too'));
    await second.until('token.delta');
    const twin = await tenant.reader.open(question('gated please'), headers);
    await twin.until('token.delta');
    expect((await tenant.reader.post('/v1/run', question('a third'))).code).toBe('SERVICE_BUSY');
    server.answerer.open();
    expect((await twin.rest()).at(-1)?.type).toBe('done');
    await Promise.all([first.rest(), second.rest()]);
  });

  it('is one question: of two that come at once under one Idempotency-Key the other is refused', async () => {
    for (let round = 0; round < 5; round += 1) {
      const headers = { 'idempotency-key': `round-${round}` };
      const answers = await Promise.all(
        ['this?', 'that?'].map((message) => tenant.reader.post('/v1/run', question(message), headers)),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    }
  });
});
