import { randomUUID } from 'node:crypto';
import { defineJob, RetryLater, type AnyJob, type JobAttempt } from '#domain/kernel/job.js';
import { JobQueue, UnknownJob, type JobQueueOptions } from '#infra/jobs/job-queue.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { until } from '#test/jobs/support.js';

type Handle = (attempt: JobAttempt) => Promise<void>;

function job(name: string, handle: Handle, over: Partial<AnyJob> = {}): AnyJob {
  return defineJob({ name, retryLimit: 2, retryDelaySeconds: 1, timeoutSeconds: 30, concurrency: 4, handle, ...over });
}

describe('the job queue', () => {
  let open: TestDatabase;
  const queues: JobQueue[] = [];
  beforeEach(async () => {
    open = await openTestDatabase();
  });
  afterEach(async () => {
    for (const queue of queues.splice(0)) await queue.stop({ graceMs: 0 });
    await open.drop();
  });

  async function start(jobs: readonly AnyJob[], over: Partial<JobQueueOptions> = {}, work = true): Promise<JobQueue> {
    const queue = new JobQueue({ database: open.database, jobs, pollMs: 200, ...over });
    queues.push(queue);
    await queue.start({ work });
    return queue;
  }

  it('keeps exactly the rows and the jobs of the transactions that committed', async () => {
    const ran: string[] = [];
    const queue = await start([job('note', async ({ data }) => void ran.push(String(data['n'])), { concurrency: 8 })]);
    const { database } = open;
    await database.query('create table notes (n int primary key)');
    const refused = new Error('refused on purpose');
    const one = (n: number): Promise<void> =>
      database.transaction(async () => {
        await database.query('insert into notes values ($1)', [n]);
        await queue.enqueue('note', { n });
        if (n % 3 === 0) throw refused;
      });
    const outcomes = await Promise.allSettled(Array.from({ length: 300 }, (_, n) => one(n)));
    expect(outcomes.filter((outcome) => outcome.status === 'rejected')).toHaveLength(100);
    const kept = Array.from({ length: 300 }, (_, n) => n).filter((n) => n % 3 !== 0);
    expect(await database.query('select n from notes order by n')).toEqual(kept.map((n) => ({ n })));
    await queue.idle();
    expect(await database.query(`select state::text, count(*)::int from pgboss.job group by state`)).toEqual([
      { state: 'completed', count: 200 },
    ]);
    expect(ran.map(Number).toSorted((a, b) => a - b)).toEqual(kept);
  });

  it('tries a job that asks for it again later, and not sooner', async () => {
    const queue = await start([
      job('later', () => Promise.reject(new RetryLater('not now', 60)), { retryDelaySeconds: 0 }),
    ]);
    const id = await queue.enqueue('later', {});
    const asked = Date.now();
    await until(async () => {
      const found = await queue.get(id);
      return found?.state === 'retrying' && Date.parse(found.startAfter) >= asked + 55_000;
    });
    expect(await queue.get(id)).toMatchObject({ attempts: 1, error: 'not now' });
  });

  it('makes a job of one id only once', async () => {
    const queue = await start([job('once', async () => undefined)], {}, false);
    const id = randomUUID();
    await queue.enqueue('once', { n: 1 }, { id });
    await queue.enqueue('once', { n: 2 }, { id });
    expect((await queue.list()).jobs).toEqual([expect.objectContaining({ id, state: 'queued', data: { n: 1 } })]);
  });

  it('starts in several processes at once, and takes changed definitions over', async () => {
    const work = job('work', async () => undefined);
    const [queue] = await Promise.all([start([work], {}, false), start([work], {}, false), start([work], {}, false)]);
    await start([{ ...work, retryLimit: 7 }], {}, false);
    const id = await queue.enqueue('work', {});
    expect(await queue.get(id)).toMatchObject({ state: 'queued', maxAttempts: 8 });
    expect(await queue.counts()).toEqual([expect.objectContaining({ name: 'work', state: 'queued', count: 1 })]);
  });

  it('refuses a job that nobody declared', async () => {
    const queue = await start([], {}, false);
    await expect(queue.enqueue('nobody', {})).rejects.toThrow(UnknownJob);
  });

  it('retries with backoff, keeps what failed for good, and gives it its attempts again under the same id', async () => {
    const attempts: string[] = [];
    let broken = true;
    const flaky: Handle = async ({ id, attempt, lastAttempt }) => {
      attempts.push(`${id} ${attempt} ${lastAttempt}`);
      if (broken) throw new Error('out of paper');
    };
    const queue = await start([job('print', flaky, { retryLimit: 1 })]);
    const id = await queue.enqueue('print', {});
    await until(async () => (await queue.get(id))?.state === 'dead');
    expect(attempts).toEqual([`${id} 1 false`, `${id} 2 true`]);
    const { jobs } = await queue.list({ state: 'dead' });
    expect(jobs).toEqual([expect.objectContaining({ id, name: 'print', attempts: 2, error: 'out of paper' })]);
    broken = false;
    expect(await queue.retry(id)).toBe(true);
    await until(async () => (await queue.get(id))?.state === 'completed');
    expect(await queue.retry(id)).toBe(false);
    expect(attempts.at(-1)).toBe(`${id} 1 false`);
  });

  it('aborts an attempt that outlives its time', async () => {
    let reason: unknown;
    const slow: Handle = ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          resolve();
        });
      });
    const queue = await start([job('slow', slow, { timeoutSeconds: 1, retryLimit: 0 })]);
    const id = await queue.enqueue('slow', {});
    await until(async () => (await queue.get(id))?.state === 'dead');
    expect(reason).toEqual(new Error('slow ran longer than 1 s'));
    expect((await queue.get(id))?.error).toBe('slow ran longer than 1 s');
  });

  it('waits with a job until its time has come', async () => {
    const ran: number[] = [];
    const queue = await start([job('later', async ({ data }) => void ran.push(Number(data['n'])))]);
    await queue.enqueue('later', { n: 2 }, { afterSeconds: 1 });
    await queue.enqueue('later', { n: 1 });
    await until(async () => ran.length === 2);
    expect(ran).toEqual([1, 2]);
  });

  it('makes the job of a scheduled minute once, however many processes tick', async () => {
    const nightly = job('nightly', async () => undefined, { cron: '30 3 * * *' });
    const one = await start([nightly], {}, false);
    const two = await start([nightly], {}, false);
    const at = new Date('2026-03-01T03:30:10.000Z');
    await Promise.all([one.runSchedules(at), two.runSchedules(at), two.runSchedules(new Date(at.getTime() + 60_000))]);
    await one.runSchedules(new Date('2026-03-01T04:30:10.000Z'));
    const { jobs } = await one.list();
    expect(jobs.map((made) => made.data)).toEqual([{ scheduledFor: '2026-03-01T03:30:00.000Z' }]);
  });

  it('hands a running job back uncounted when the process stops', async () => {
    let began = false;
    const endless: Handle = () => new Promise(() => void (began = true));
    const queue = await start([job('endless', endless)]);
    const id = await queue.enqueue('endless', {});
    await until(async () => began);
    await queue.stop({ graceMs: 0 });
    expect(await queue.get(id)).toMatchObject({ state: 'queued', attempts: 0, error: null });
  });

  it('takes at once what a killed process left active, when it alone owns the database', async () => {
    const ran: number[] = [];
    const work = job('work', async ({ attempt }) => void ran.push(attempt), { retryLimit: 0 });
    const queue = await start([work], {}, false);
    const id = await queue.enqueue('work', {});
    await open.database.query(`update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now()`);
    await start([work], { soleOwner: true });
    await until(async () => (await queue.get(id))?.state === 'completed');
    expect(ran).toEqual([2]);
  });

  it('takes from a worker whose heartbeat stopped, and lets it die after too many deaths', async () => {
    const ran: number[] = [];
    const queue = await start(
      [job('work', async ({ attempt }) => void ran.push(attempt), { retryLimit: 0 })],
      {},
      false,
    );
    const [lost, hopeless] = [await queue.enqueue('work', {}), await queue.enqueue('work', {})];
    await open.database.query(
      `update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now() - interval '11s'`,
    );
    await open.database.query('update pgboss.job set retry_count = 5, retry_limit = 5 where id = $1', [hopeless]);
    await start([job('work', async ({ attempt }) => void ran.push(attempt), { retryLimit: 0 })], { soleOwner: false });
    await until(async () => (await queue.get(lost))?.state === 'completed');
    expect(ran).toEqual([2]);
    expect((await queue.get(hopeless))?.state).toBe('dead');
  });

  it('pages through jobs without loss', async () => {
    const queue = await start([job('many', async () => undefined)], {}, false);
    await queue.enqueueAll(
      'many',
      Array.from({ length: 25 }, (_, n) => ({ data: { n } })),
    );
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const page = await queue.list({ name: 'many', limit: 10, ...(cursor === null ? {} : { cursor }) });
      for (const { id } of page.jobs) seen.add(id);
      cursor = page.next;
    } while (cursor !== null);
    expect(seen.size).toBe(25);
  });
});
