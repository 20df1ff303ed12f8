import type { Command } from 'commander';
import type { JobView } from '#infra/jobs/job-store.js';
import { group, given, outputOf, subcommand, wholeNumber, type Common } from '../command.js';
import { allOf, oneOf } from '../output.js';
import { withClient } from '../session.js';

export function jobsCommands(program: Command): void {
  const jobs = group(program, 'jobs', 'work in the background: ingestions and what the house does by the clock');
  list(jobs);
  show(jobs);
  retry(jobs);
}

function list(jobs: Command): void {
  interface Options extends Common {
    readonly state?: string;
    readonly name?: string;
    readonly limit: number;
  }
  subcommand(jobs, 'list', 'jobs, newest first', ['jobs list --state dead', 'jobs list --name documents.ingest --json'])
    .option('--state <state>', 'queued, retrying, active, completed, cancelled or dead')
    .option('--name <name>', 'only jobs of this name')
    .option('--limit <n>', 'how many', wholeNumber(1, 1_000_000), 50)
    .action(async ({ state, name, limit, ...options }: Options) => {
      const args = { limit, ...given({ state, name }) };
      const rows = await withClient({}, ({ client }) => allOf(client().operation<JobView>('jobs.list', args)));
      outputOf(options).rows(
        rows,
        [
          { head: 'id', of: (job) => job.id },
          { head: 'name', of: (job) => job.name },
          { head: 'state', of: (job) => job.state },
          { head: 'attempts', of: (job) => `${job.attempts} of ${job.maxAttempts}`, right: true },
          { head: 'created', of: (job) => job.createdAt },
          { head: 'error', of: (job) => job.error },
        ],
        'there are no such jobs',
      );
    });
}

function show(jobs: Command): void {
  subcommand(jobs, 'show <job_id>', 'one job with its data and its last error', [
    'jobs show 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  ]).action(async (jobId: string, options: Common) => {
    const output = outputOf(options);
    const job = await withClient({}, ({ client }) =>
      oneOf(client().operation<JobView>('jobs.show', { job_id: jobId })),
    );
    output.item(job);
    const { data, ...rest } = job;
    output.fields(rest);
    output.line(`\n${JSON.stringify(data, null, 2)}`);
  });
}

function retry(jobs: Command): void {
  subcommand(jobs, 'retry <job_id>', 'give a dead job its attempts again', [
    'jobs retry 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  ]).action(async (jobId: string, options: Common) => {
    const output = outputOf(options);
    output.item(await withClient({}, ({ client }) => oneOf(client().operation('jobs.retry', { job_id: jobId }))));
    output.line(`job ${jobId} is queued again`);
  });
}
