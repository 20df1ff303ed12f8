import { defineJob } from '#domain/kernel/job.js';
import { Database } from '#infra/database/database.js';
import { JobQueue } from '#infra/jobs/job-queue.js';

/** A worker process that takes a job and never ends it: node … job-worker.ts <url>. Prints the job's id. */
const [, , url = ''] = process.argv;
const database = await Database.open({ url }, { poolSize: 2 });
const endless = defineJob({
  name: 'endless',
  retryLimit: 0,
  retryDelaySeconds: 1,
  timeoutSeconds: 600,
  concurrency: 1,
  handle: ({ id }) => new Promise<void>(() => void process.stdout.write(`${id}\n`)),
});
await new JobQueue({ database, jobs: [endless] }).start({ work: true });
// The queue's timers keep no process alive.
setInterval(() => undefined, 60_000);
