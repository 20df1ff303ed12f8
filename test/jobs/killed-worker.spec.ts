import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { defineJob, type JobAttempt } from '#domain/kernel/job.js';
import { JobQueue } from '#infra/jobs/job-queue.js';
import { openTestDatabase, testEngine } from '#test/support/database.js';
import { until } from '#test/jobs/support.js';

const onServer = testEngine === 'postgres' ? describe : describe.skip;

onServer('a worker that is killed', () => {
  it('loses its job to another within seconds, without using up its attempts', async () => {
    const open = await openTestDatabase();
    const attempts: JobAttempt[] = [];
    const handle = async (attempt: JobAttempt): Promise<void> => void attempts.push(attempt);
    const job = defineJob({
      name: 'endless',
      retryLimit: 0,
      retryDelaySeconds: 1,
      timeoutSeconds: 600,
      concurrency: 1,
      handle,
    });
    const queue = new JobQueue({ database: open.database, jobs: [job] });
    const idle = new JobQueue({ database: open.database, jobs: [job] });
    try {
      await idle.start({ work: false });
      const id = await idle.enqueue('endless', {});
      const flags = ['--no-warnings', '--conditions=source'];
      const script = ['--import=./test/support/swc-source.mjs', './test/jobs/job-worker.ts', open.url ?? ''];
      const worker = spawn(process.execPath, [...flags, ...script], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [taken] = (await once(worker.stdout, 'data')) as [Buffer];
      expect(taken.toString().trim()).toBe(id);
      const died = once(worker, 'exit');
      worker.kill('SIGKILL');
      await died;
      await queue.start({ work: true });
      await until(async () => (await queue.get(id))?.state === 'completed');
      expect(attempts).toEqual([expect.objectContaining({ id, attempt: 2 })]);
    } finally {
      await queue.stop();
      await idle.stop();
      await open.drop();
    }
  });
});
