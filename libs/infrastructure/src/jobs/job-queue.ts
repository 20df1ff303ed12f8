import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';
import type { AnyJob } from '#domain/kernel/job.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Database } from '#infra/database/database.js';
import { openBoss, syncQueues } from './boss.js';
import { dueMinutes, parseCron, type Cron } from './cron.js';
import { scheduleId } from './job-ids.js';
import { FairTurns } from './fair-turns.js';
import { JobStore, type JobCount, type JobListOptions, type JobPage, type JobView } from './job-store.js';
import { JobWorkers } from './job-workers.js';

export interface JobQueueOptions {
  readonly database: Database;
  readonly jobs: readonly AnyJob[];
  /** The ports that a job's handler reaches the world through; asked at each attempt. */
  readonly portsOf?: (job: AnyJob) => unknown;
  /** True when no other process can be at work here, so whatever is active at start was lost. By default: on PGlite. */
  readonly soleOwner?: boolean;
  /** Gets every failed attempt and every fault of the queue itself; must not throw. */
  readonly onError?: (error: unknown, where: string) => void;
  /** Milliseconds between looks at the table when no notification came; 2,000 by default. */
  readonly pollMs?: number;
}

export interface NewJob {
  /** A uuid; a job whose id is there already is not made again. */
  readonly id?: string;
  readonly data: JsonObject;
  readonly afterSeconds?: number;
}

/** Thrown for a job name that no capability declared. */
export class UnknownJob extends Error {
  constructor(name: string) {
    super(`no job is named ${name}`);
    this.name = 'UnknownJob';
  }
}

const CHANNEL = 'jobs';
const BEAT_MS = 2_000;
const PURGE_MS = 3_600_000;
/** Minutes that a start or a late tick looks back for schedules. */
const LOOK_BACK = 5;

/**
 * The one job runner: pg-boss queues in our database. Jobs are made in the caller's transaction, so one of a transaction
 * that rolled back never was. Workers wake by NOTIFY and poll only as a fallback. An attempt may run twice when its
 * process dies, so handlers are idempotent by job id.
 */
export class JobQueue {
  private readonly boss: PgBoss;
  private readonly store: JobStore;
  private readonly turns: FairTurns;
  private readonly jobs: ReadonlyMap<string, AnyJob>;
  private readonly schedules: readonly (readonly [name: string, cron: Cron])[];
  private readonly onError: (error: unknown, where: string) => void;
  private workers: JobWorkers | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private unlisten: (() => Promise<void>) | undefined;
  private readonly busy = new Set<string>();
  /** The newest minute that this process has made each schedule's job for; only spares it the repetition. */
  private readonly scheduled = new Map<string, string>();
  private readonly pending = new Set<Promise<void>>();

  constructor(private readonly options: JobQueueOptions) {
    this.boss = openBoss(options.database);
    this.store = new JobStore(options.database);
    this.turns = new FairTurns(options.database);
    this.jobs = new Map(options.jobs.map((job) => [job.name, job]));
    this.schedules = options.jobs.flatMap((job) =>
      job.cron === undefined ? [] : [[job.name, parseCron(job.cron)] as const],
    );
    this.onError = options.onError ?? (() => undefined);
    this.boss.on('error', (error) => this.onError(error, 'pg-boss'));
  }

  /** Brings pg-boss's schema and the queues up to date, and with `work` runs jobs and schedules. */
  async start({ work }: { readonly work: boolean }): Promise<void> {
    // Timers must not inherit a caller's transaction.
    await this.options.database.detached(() => this.begin(work));
  }

  private async begin(work: boolean): Promise<void> {
    await this.boss.start();
    await syncQueues(this.boss, this.options.jobs);
    await this.store.prepare();
    if (!work) return;
    const { boss, store, onError } = this;
    const portsOf = this.options.portsOf ?? ((): unknown => undefined);
    this.workers = new JobWorkers({ boss, store, onError, portsOf, jobs: this.options.jobs });
    await this.freeLost(this.soleOwner);
    this.unlisten = await this.options.database.listen(CHANNEL, (name) => this.wake(name === '' ? undefined : name));
    this.every('poll', this.options.pollMs ?? 2_000, () => this.poll());
    this.every('beat', BEAT_MS, () => this.beat());
    this.every('schedules', 15_000, () => this.runSchedules(new Date()).then(() => undefined));
    this.every('purge', PURGE_MS, () => this.store.purge());
    await this.runSchedules(new Date());
    this.wake();
  }

  /** Waits up to `graceMs` for running jobs, then aborts them and hands them back uncounted. The database stays open. */
  async stop({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    for (const timer of this.timers.splice(0)) clearInterval(timer);
    await this.unlisten?.().catch((error: unknown) => this.onError(error, 'unlisten'));
    this.unlisten = undefined;
    await this.workers?.stop(graceMs);
    await Promise.all(this.pending);
    this.workers = undefined;
    await this.boss.stop({ graceful: false, close: false });
  }

  has(name: string): boolean {
    return this.jobs.has(name);
  }

  /** Makes one job in the caller's transaction and gives its id. Throws UnknownJob. */
  async enqueue(name: string, data: JsonObject, options: Omit<NewJob, 'data'> = {}): Promise<string> {
    const id = options.id ?? randomUUID();
    await this.enqueueAll(name, [{ ...options, id, data }]);
    return id;
  }

  /** Makes jobs of one queue in the caller's transaction, in one statement; ids that are there already are left alone. */
  async enqueueAll(name: string, jobs: readonly NewJob[]): Promise<void> {
    if (!this.jobs.has(name)) throw new UnknownJob(name);
    if (jobs.length === 0) return;
    const { database } = this.options;
    const turns = this.jobs.get(name)?.fair === true ? await this.turns.of(name, jobs) : [];
    await this.boss.insert(
      name,
      jobs.map(({ afterSeconds, ...job }, at) => ({
        ...job,
        ...turns[at],
        ...(afterSeconds === undefined ? {} : { startAfter: afterSeconds }),
      })),
    );
    // A server tells this process too.
    if (database.engine === 'postgres') await database.notify(CHANNEL, name);
    else database.afterCommit(() => this.wake(name));
  }

  /** Makes the scheduled jobs of the minutes up to `now` that are not made yet. Safe in several processes at once. */
  async runSchedules(now: Date): Promise<void> {
    for (const [name, cron] of this.schedules) {
      const minute = dueMinutes(cron, now, LOOK_BACK).at(-1);
      if (minute === undefined || this.scheduled.get(name) === minute) continue;
      await this.enqueue(name, { scheduledFor: minute }, { id: scheduleId(name, minute) });
      this.scheduled.set(name, minute);
    }
  }

  /** Jobs, newest first. */
  list(options: JobListOptions = {}): Promise<JobPage> {
    return this.store.list(options);
  }

  get(id: string): Promise<JobView | undefined> {
    return this.store.get(id);
  }

  /** Gives a dead job its attempts again, under the same id; false when it is not dead. */
  async retry(id: string): Promise<boolean> {
    const { database } = this.options;
    return database.transaction(async () => {
      const name = await this.store.revive(id);
      if (name === undefined) return false;
      await database.notify(CHANNEL, name);
      database.afterCommit(() => this.wake(name));
      return true;
    });
  }

  /** Unfinished jobs by queue and state, for metrics. */
  counts(): Promise<readonly JobCount[]> {
    return this.store.counts();
  }

  /** Resolves when no job runs, waits for a retry or may start now; later ones do not count. For tests and tools. */
  async idle(signal?: AbortSignal): Promise<void> {
    while (signal?.aborted !== true) {
      const open = await this.counts();
      if (
        open.every(({ state, oldestDueSeconds }) => state === 'dead' || (state === 'queued' && oldestDueSeconds === 0))
      )
        return;
      await delay(20);
    }
  }

  private get soleOwner(): boolean {
    return this.options.soleOwner ?? this.options.database.engine === 'pglite';
  }

  private wake(name?: string): void {
    const { workers } = this;
    if (workers !== undefined) void this.options.database.detached(async () => workers.wake(name));
  }

  private async poll(): Promise<void> {
    for (const name of await this.store.due(this.workers?.hungry ?? [])) this.wake(name);
  }

  private async beat(): Promise<void> {
    // Alone, nobody else could think that a job is lost.
    if (this.soleOwner) return;
    await this.workers?.beat();
    await this.freeLost(false);
  }

  private async freeLost(everyone: boolean): Promise<void> {
    for (const { id, name } of await this.store.freeLost(this.workers?.active ?? [], everyone)) {
      await this.boss.fail(name, id, { message: 'its process died under every attempt', name: 'Lost' });
    }
  }

  private every(where: string, ms: number, action: () => Promise<void>): void {
    const tick = (): void => {
      if (this.busy.has(where)) return;
      this.busy.add(where);
      const run = action()
        .catch((error: unknown) => this.onError(error, where))
        .finally(() => {
          this.busy.delete(where);
          this.pending.delete(run);
        });
      this.pending.add(run);
    };
    this.timers.push(setInterval(tick, ms).unref());
  }
}
