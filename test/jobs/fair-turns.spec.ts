import { defineJob, type AnyJob, type JobAttempt } from '#domain/kernel/job.js';
import { ingestDocument, ingestShortText } from '#domain/capabilities/documents/documents.handler.js';
import { JobQueue } from '#infra/jobs/job-queue.js';
import { jobsOf } from '#projector/projector.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { openTestServer } from '#test/support/server.js';

type Attempt = JobAttempt<{ readonly tenantId: string; readonly n: number }>;

describe('jobs of several tenants', () => {
  let open: TestDatabase;
  let queue: JobQueue | undefined;
  let order: string[];
  beforeEach(async () => {
    open = await openTestDatabase();
    order = [];
  });
  afterEach(async () => {
    await queue?.stop({ graceMs: 0 });
    await open.drop();
  });

  /** Notes who was served; the first time it lets `meanwhile` happen. */
  const fair = (over: Partial<AnyJob> = {}): AnyJob =>
    defineJob({
      ...{ name: 'work', retryLimit: 0, retryDelaySeconds: 1, timeoutSeconds: 30, concurrency: 1, fair: true },
      handle: async ({ data }: Attempt) => {
        order.push(data.tenantId);
        await meanwhile?.();
      },
      ...over,
    });
  let meanwhile: (() => Promise<void>) | undefined;
  const many = (tenantId: string, count: number) =>
    Array.from({ length: count }, (_, n) => ({ data: { tenantId, n } }));
  const fill = async (lines: readonly (readonly [string, number])[], job = fair()): Promise<void> => {
    const filling = new JobQueue({ database: open.database, jobs: [job] });
    await filling.start({ work: false });
    for (const [tenant, count] of lines) await filling.enqueueAll('work', many(tenant, count));
    await filling.stop();
  };
  const run = async (job = fair()): Promise<JobQueue> => {
    queue = new JobQueue({ database: open.database, jobs: [job], pollMs: 200 });
    await queue.start({ work: true });
    await queue.idle();
    return queue;
  };

  it('are done in turns: a thousand of one do not hold up another’s one', async () => {
    await fill([
      ['busy', 1_000],
      ['small', 1],
    ]);
    await run();
    expect(order).toHaveLength(1_001);
    expect(order.indexOf('small')).toBeLessThanOrEqual(1);
  });

  it('are done in the order in which each tenant gave them, also when they came one by one', async () => {
    const seen: unknown[] = [];
    const job = fair({ handle: async ({ data }: Attempt) => void seen.push(`${data.tenantId}${data.n}`) });
    const filling = new JobQueue({ database: open.database, jobs: [job] });
    await filling.start({ work: false });
    for (const [at, tenantId] of ['a', 'a', 'b', 'a', 'b', 'a'].entries())
      await filling.enqueue('work', { tenantId, n: at });
    await filling.stop();
    await run(job);
    expect(seen).toEqual(['a0', 'b2', 'a1', 'b4', 'a3', 'a5']);
  });

  it('alternate when a second tenant comes late with many: neither catches up on the other', async () => {
    await fill([['first', 40]]);
    meanwhile = async () => {
      if (order.length === 20) await queue?.enqueueAll('work', many('second', 40));
    };
    await run();
    meanwhile = undefined;
    const both = order.slice(20, 60);
    for (let at = 2; at <= both.length; at += 2) {
      const seconds = both.slice(0, at).filter((tenant) => tenant === 'second').length;
      expect(Math.abs(at / 2 - seconds)).toBeLessThanOrEqual(1);
    }
    expect(order.slice(60)).toEqual(Array.from({ length: 20 }, () => 'second'));
  });

  it('stand behind each other where turns are not asked for', async () => {
    const { fair: _, ...unfair } = fair();
    await fill(
      [
        ['busy', 20],
        ['small', 1],
      ],
      unfair,
    );
    await run(unfair);
    expect(order.at(-1)).toBe('small');
  });

  it('take turns where documents are ingested, in as many places as are configured', async () => {
    const server = await openTestServer({ INGEST_MAX_CONCURRENCY: '3', INGEST_BULKHEAD_MAX_CONCURRENCY: '2' });
    const jobs = jobsOf(server.platform);
    await server.stop();
    const find = (wanted: AnyJob) => jobs.find(({ name }) => name === wanted.name);
    expect(find(ingestDocument)).toMatchObject({ fair: true, concurrency: 2 });
    expect(find(ingestShortText)).toMatchObject({ fair: true, concurrency: 64 });
  });
});
