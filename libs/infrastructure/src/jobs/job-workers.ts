import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';
import { Postponed, RetryLater, type AnyJob, type JobAttempt } from '#domain/kernel/job.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { Gathered } from '#infra/batching/gathered.js';
import { isTransient } from '#infra/database/database-errors.js';
import { wellFormedTrace, withLogScope, type LogScope } from '#infra/telemetry/log-scope.js';
import { TRACE_FIELD } from './command-job.js';
import type { JobStore } from './job-store.js';

export interface WorkerOptions {
  readonly boss: PgBoss;
  readonly store: JobStore;
  readonly jobs: readonly AnyJob[];
  readonly portsOf: (job: AnyJob) => unknown;
  readonly onError: (error: unknown, where: string) => void;
}

interface Queue {
  readonly job: AnyJob;
  /** Jobs that ended meanwhile are told of together. */
  readonly completed: Gathered<string, undefined>;
  running: number;
  pulling: boolean;
  /** Whether jobs may be waiting: somebody said so, or the last fetch gave as many as it could. */
  again: boolean;
}

interface Running {
  readonly name: string;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

interface Failure {
  readonly error: unknown;
}

interface FetchedJob {
  readonly id: string;
  readonly data: JsonObject | null;
  readonly retryCount: number;
  readonly retryLimit: number;
}

/** Why a running handler was aborted: the process stops, so the job goes back uncounted. */
class HandedBack extends Error {
  constructor() {
    super('the process stops; the job was handed back');
    this.name = 'HandedBack';
  }
}

const SETTLE_TRIES = 6;

/** Runs the jobs of each queue up to its concurrency. It sleeps until `wake`: it has no timer of its own. */
export class JobWorkers {
  private readonly queues: ReadonlyMap<string, Queue>;
  private readonly running = new Map<string, Running>();
  private stopping = false;

  constructor(private readonly options: WorkerOptions) {
    this.queues = new Map(
      options.jobs.map(
        (job) =>
          [job.name, { job, completed: this.completing(job), running: 0, pulling: false, again: false }] as const,
      ),
    );
  }

  private completing({ name }: AnyJob): Gathered<string, undefined> {
    return new Gathered(async (ids) => {
      await this.options.boss.complete(name, [...ids]);
      return ids.map(() => undefined);
    });
  }

  /** The ids of the jobs that run here now. */
  get active(): readonly string[] {
    return [...this.running.keys()];
  }

  /** Queues that could take another job. */
  get hungry(): readonly string[] {
    return [...this.queues.values()]
      .filter((queue) => queue.running < queue.job.concurrency)
      .map((queue) => queue.job.name);
  }

  /** Looks for jobs of one queue, or of all. */
  wake(name?: string): void {
    const queues = name === undefined ? [...this.queues.values()] : [this.queues.get(name)];
    for (const queue of queues) {
      if (queue === undefined) continue;
      queue.again = true;
      void this.pull(queue);
    }
  }

  /** Tells the server that the running jobs are alive. */
  async beat(): Promise<void> {
    const byName = new Map<string, string[]>();
    for (const [id, { name }] of this.running) byName.set(name, [...(byName.get(name) ?? []), id]);
    for (const [name, ids] of byName) await this.options.boss.touch(name, ids);
  }

  /** Takes no more jobs, gives the running ones `graceMs`, then aborts them and hands them back. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    const all = (): Promise<unknown> => Promise.all([...this.running.values()].map((one) => one.done));
    const timer = new AbortController();
    const grace = delay(graceMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([all(), grace]);
    timer.abort();
    for (const one of this.running.values()) one.abort.abort(new HandedBack());
    await all();
  }

  private async pull(queue: Queue): Promise<void> {
    if (queue.pulling) return;
    queue.pulling = true;
    try {
      while (queue.again && !this.stopping && queue.running < queue.job.concurrency) {
        // Jobs that end in the same turn are followed by one fetch.
        await turn();
        queue.again = false;
        await this.fetch(queue);
      }
    } catch (error) {
      this.options.onError(error, `fetching jobs of ${queue.job.name}`);
    } finally {
      queue.pulling = false;
    }
  }

  private async fetch(queue: Queue): Promise<void> {
    const batchSize = queue.job.concurrency - queue.running;
    const rows = await this.options.boss.fetch<JsonObject>(queue.job.name, { batchSize, includeMetadata: true });
    if (rows.length === batchSize) queue.again = true;
    for (const row of rows) this.launch(queue, row);
  }

  private launch(queue: Queue, row: FetchedJob): void {
    const abort = new AbortController();
    queue.running += 1;
    const done = this.attempt(queue.job, row, abort)
      .finally(() => {
        // The next may begin while this one's end is written down.
        queue.running -= 1;
        void this.pull(queue);
      })
      .then((failure) => this.settle(queue, row.id, failure))
      .catch((error: unknown) => this.options.onError(error, `settling job ${row.id} of ${queue.job.name}`))
      .finally(() => this.running.delete(row.id));
    this.running.set(row.id, { name: queue.job.name, abort, done });
  }

  /** Undefined when it succeeded. */
  private async attempt(job: AnyJob, row: FetchedJob, abort: AbortController): Promise<Failure | undefined> {
    const { [TRACE_FIELD]: trace, ...data } = row.data ?? {};
    const timers: NodeJS.Timeout[] = [];
    const whenLasting = (ms: number, then: () => void): void => void timers.push(setTimeout(then, ms));
    const attempt: JobAttempt = {
      id: row.id,
      data,
      attempt: row.retryCount + 1,
      lastAttempt: row.retryCount >= row.retryLimit,
      startedAt: new Date().toISOString(),
      signal: abort.signal,
      whenLasting,
    };
    whenLasting(job.timeoutSeconds * 1_000, () =>
      abort.abort(new Error(`${job.name} ran longer than ${job.timeoutSeconds} s`)),
    );
    return withLogScope(scopeOf(row.id, trace), () => this.handle(job, attempt))
      .then(() => undefined)
      .catch((error: unknown) => ({ error }))
      .finally(() => timers.forEach(clearTimeout));
  }

  private async handle(job: AnyJob, attempt: JobAttempt): Promise<void> {
    const { signal } = attempt;
    let stop: () => void = () => undefined;
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      // A handler that does not look at its signal is left behind, not waited for.
      await Promise.race([job.handle(attempt, this.options.portsOf(job)), aborted]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private async settle({ job: { name }, completed }: Queue, id: string, failure: Failure | undefined): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        if (failure === undefined) await completed.add(id);
        else if (failure.error instanceof HandedBack) await this.options.store.handBack([id]);
        else if (failure.error instanceof Postponed)
          await this.options.store.handBack([id], failure.error.afterSeconds);
        else await this.fail(name, id, failure.error);
        return;
      } catch (error) {
        // Past the tries its heartbeat ends, and another worker takes it.
        if (!isTransient(error) || tries === SETTLE_TRIES || this.stopping) throw error;
        await delay(Math.min(2_000, 50 * 2 ** tries));
      }
    }
  }

  private async fail(name: string, id: string, error: unknown): Promise<void> {
    this.options.onError(error, `job ${id} of ${name}`);
    await this.options.boss.fail(name, id, describe(error));
    if (error instanceof RetryLater) await this.options.store.notBefore(name, id, error.afterSeconds);
  }
}

function scopeOf(jobId: string, trace: unknown): LogScope {
  const traceparent = wellFormedTrace(trace);
  return { job_id: jobId, ...(traceparent === undefined ? {} : { traceparent }) };
}

/** What a failed attempt leaves behind: never a stack, which can hold data. */
function describe(error: unknown): { message: string; name: string } {
  if (error instanceof Error) return { message: error.message.slice(0, 2_000), name: error.name };
  return { message: String(error).slice(0, 2_000), name: 'Error' };
}
