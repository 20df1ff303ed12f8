import type { JobState } from '#infra/jobs/job-store.js';
import { numberArg, optionalText, plain, textArg, UsageError, type Operation } from './operation.js';
import { isUuid } from './positions.js';

const states: readonly JobState[] = ['queued', 'retrying', 'active', 'completed', 'cancelled', 'dead'];

export const jobsList: Operation = async function* ({ jobs }, args) {
  const name = optionalText(args, 'name');
  const asked = optionalText(args, 'state');
  const state = states.find((known) => known === asked);
  if (asked !== undefined && state === undefined) throw new UsageError(`state must be one of ${states.join(', ')}`);
  const filter = { ...(state === undefined ? {} : { state }), ...(name === undefined ? {} : { name }) };
  let left = numberArg(args, 'limit', 50);
  for (let cursor: string | null | undefined; left > 0 && cursor !== null;) {
    const page = await jobs.list({
      ...filter,
      limit: Math.min(200, left),
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const job of page.jobs) yield plain(job);
    left -= page.jobs.length;
    cursor = page.next;
  }
};

function jobArg(text: string): string {
  if (!isUuid(text)) throw new UsageError(`${text} is no id of a job`);
  return text;
}

export const jobsShow: Operation = async function* ({ jobs }, args) {
  const id = jobArg(textArg(args, 'job_id'));
  const job = await jobs.get(id);
  if (job === undefined) throw new UsageError(`there is no job ${id}`);
  yield plain(job);
};

export const jobsRetry: Operation = async function* ({ jobs }, args) {
  const id = jobArg(textArg(args, 'job_id'));
  if (!(await jobs.retry(id))) throw new UsageError(`job ${id} is not dead, or does not exist`);
  yield { id, retried: true };
};
