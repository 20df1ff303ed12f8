import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '#infra/database/database.js';
import { isTransient } from '#infra/database/database-errors.js';
import type { AnyReaction } from '#domain/kernel/reaction.js';
import type { Batch, EventLog } from '#infra/event-log/event-log.js';
import type { JobQueue } from './job-queue.js';
import { planReaction, type Plan, type ToRecorded } from './reaction-plan.js';
import { REACTIONS_CHANNEL, ReactionLeaseLost, ReactionStore, type ReactionStatus } from './reaction-store.js';
import { Wakeup } from './wakeup.js';

export interface ReactionRunnerOptions {
  readonly database: Database;
  /** The domain log. */
  readonly log: Pick<EventLog, 'subscribe' | 'head'>;
  readonly reactions: readonly AnyReaction[];
  /** The registry's; undefined for events that this build does not know. */
  readonly toRecorded: ToRecorded;
  readonly queue: Pick<JobQueue, 'enqueueAll' | 'has'>;
  /** Milliseconds after which another process takes over from a dead one; 10,000 by default. */
  readonly leaseMs?: number;
  readonly onError?: (error: unknown, where: string) => void;
}

/** A reaction in this process: `position` is stored, `seen` may be ahead where there was nothing to do. */
interface Follower {
  readonly reaction: AnyReaction;
  position: string;
  seen: string;
}

interface Planned extends Plan {
  readonly follower: Follower;
}

/** Milliseconds after which a checkpoint is stored even though nothing was to be done. */
const IDLE_STORE_MS = 5_000;
const TRIES = 3;
/** What is appended in this time is reacted to together. */
const REST_MS = 5;

/**
 * Follows the domain log for all reactions by one reader, in one process at a time. The jobs of a batch are made in the
 * transaction that moves the checkpoints, and their ids derive from the events: each effect happens once, also when two
 * processes believe that they run. A reaction that throws stops at that event, shown with its error, until it is resumed.
 */
export class ReactionRunner {
  private readonly store: ReactionStore;
  private readonly onError: (error: unknown, where: string) => void;
  private readonly leaseMs: number;
  private readonly owner = randomUUID();
  private readonly wakeup = new Wakeup();
  private readonly stopping = new AbortController();
  private session = new AbortController();
  private epoch = '';
  private followers: readonly Follower[] = [];
  private storedAt = 0;
  private running: Promise<void> | undefined;
  private unlisten: (() => Promise<void>) | undefined;

  constructor(private readonly options: ReactionRunnerOptions) {
    this.store = new ReactionStore(options.database);
    this.onError = options.onError ?? ((): void => undefined);
    this.leaseMs = options.leaseMs ?? 10_000;
  }

  /** Begins to run, or to wait for the lease; needs the job queue started. */
  async start(): Promise<void> {
    await this.options.database.detached(async () => {
      this.unlisten = await this.options.database.listen(REACTIONS_CHANNEL, () => {
        this.session.abort();
        this.wakeup.wake();
      });
      this.running = this.loop();
    });
  }

  /** Finishes the batch under way and gives the lease up. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.session.abort();
    this.wakeup.wake();
    await this.running;
    await this.unlisten?.().catch((error: unknown) => this.onError(error, 'unlisten'));
  }

  status(): Promise<readonly ReactionStatus[]> {
    return this.store.all();
  }

  /** Lets a stopped reaction try its event again; false when it was not stopped. */
  resume(name: string): Promise<boolean> {
    return this.store.resume(name);
  }

  /** How far this process has looked at the log for every reaction that runs; undefined where it holds no lease. */
  get position(): string | undefined {
    if (this.epoch === '' || this.followers.length === 0) return undefined;
    return this.followers.map((follower) => follower.seen).reduce((a, b) => (a < b ? a : b));
  }

  /** Resolves when every running reaction has passed the head that the log has now; at once where no lease is held. */
  async caughtUp(): Promise<void> {
    const head = (await this.options.log.head()) ?? '';
    while (!this.stopping.signal.aborted && (this.position ?? head) < head) await delay(5);
  }

  private async loop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        const epoch = await this.store.acquire(this.owner, this.leaseMs);
        if (epoch === undefined) await this.wakeup.wait(this.leaseMs / 4);
        else await this.hold(epoch);
      } catch (error) {
        if (!(error instanceof ReactionLeaseLost)) this.onError(error, 'reactions');
        await this.wakeup.wait(isTransient(error) ? 250 : 1_000);
      }
    }
  }

  private async hold(epoch: string): Promise<void> {
    this.epoch = epoch;
    const renew = (): void => {
      this.store.renew(epoch, this.leaseMs).then(
        (held) => {
          if (!held) this.lose();
        },
        (error: unknown) => this.onError(error, 'reaction lease'),
      );
    };
    const timer = setInterval(renew, this.leaseMs / 3).unref();
    try {
      while (!this.stopping.signal.aborted && this.epoch === epoch) await this.follow();
    } finally {
      clearInterval(timer);
      this.epoch = '';
      this.followers = [];
      await this.store.release(epoch).catch((error: unknown) => this.onError(error, 'reaction lease'));
    }
  }

  private lose(): void {
    this.epoch = '';
    this.session.abort();
  }

  /** One subscription, from the reaction that is furthest behind, until something about the reactions changes. */
  private async follow(): Promise<void> {
    this.session = new AbortController();
    this.followers = await this.load();
    const from = this.position;
    if (from === undefined) return this.wakeup.wait(this.leaseMs);
    const types = [...new Set(this.followers.flatMap(({ reaction }) => Object.keys(reaction.on as object)))];
    const signal = AbortSignal.any([this.session.signal, this.stopping.signal]);
    const after = from === '' ? null : from;
    const rest = (): Promise<void> => delay(REST_MS);
    for await (const batch of this.options.log.subscribe({ after, filter: { types }, signal, rest })) {
      await this.take(batch);
      if (signal.aborted || this.followers.length === 0) return;
    }
  }

  private async load(): Promise<readonly Follower[]> {
    const head = (await this.options.log.head()) ?? '';
    const starts = this.options.reactions.map(({ name, from }) => ({ name, position: from === 'now' ? head : '' }));
    const stored = await this.store.takeOver(this.epoch, starts);
    return stored.flatMap(({ name, position, error }) => {
      const reaction = this.options.reactions.find((one) => one.name === name);
      return reaction === undefined || error !== null ? [] : [{ reaction, position, seen: position }];
    });
  }

  private async take(batch: Batch): Promise<void> {
    const to = batch.scannedTo ?? '';
    const { toRecorded, queue } = this.options;
    const tools = { toRecorded, knows: (name: string): boolean => queue.has(name) };
    const plans = this.followers
      .filter((follower) => follower.seen < to)
      .map((follower) => ({
        follower,
        ...planReaction(follower.reaction, { events: batch.events, from: follower.seen, to }, tools),
      }));
    const idle = plans.every((plan) => plan.jobs.length === 0 && plan.failure === undefined);
    if (idle && performance.now() - this.storedAt < IDLE_STORE_MS) {
      for (const { follower } of plans) follower.seen = to;
      return;
    }
    await this.persist(plans);
    this.storedAt = performance.now();
    this.followers = this.followers.filter(
      (follower) => plans.find((plan) => plan.follower === follower)?.failure === undefined,
    );
  }

  private async persist(plans: readonly Planned[]): Promise<void> {
    try {
      await this.write(plans);
    } catch (error) {
      if (isTransient(error) || error instanceof ReactionLeaseLost) throw error;
      // One reaction's jobs cannot be stored: the others must not wait for it.
      for (const plan of plans) await this.writeAlone(plan);
    }
  }

  private async writeAlone(plan: Planned): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.write([plan]);
      } catch (error) {
        if (isTransient(error) || error instanceof ReactionLeaseLost) throw error;
        if (tries < TRIES) continue;
        const message = error instanceof Error ? error.message : String(error);
        await this.store.halt(this.epoch, plan.follower.reaction.name, { error: message, event: null, position: null });
        this.onError(error, `reaction ${plan.follower.reaction.name}`);
        this.session.abort();
        return;
      }
    }
  }

  /** Checkpoints first: a row that another owner moved stops everything. */
  private async write(plans: readonly Planned[]): Promise<void> {
    const { epoch } = this;
    if (epoch === '') throw new ReactionLeaseLost();
    const moves = plans.map(({ follower, to }) => ({ name: follower.reaction.name, from: follower.position, to }));
    const write = async (): Promise<void> => {
      await this.store.move(epoch, moves);
      const jobs = Map.groupBy(
        plans.flatMap((plan) => plan.jobs),
        (job) => job.queue,
      );
      for (const [queue, made] of jobs)
        await this.options.queue.enqueueAll(
          queue,
          made.map(({ queue: _, ...job }) => job),
        );
      for (const { follower, failure } of plans) {
        if (failure !== undefined) await this.store.halt(epoch, follower.reaction.name, failure);
      }
    };
    await this.options.database.transaction(write, { durability: 'derived' });
    for (const { follower, to, failure } of plans) {
      follower.position = to;
      follower.seen = to;
      if (failure !== undefined) this.onError(new Error(failure.error), `reaction ${follower.reaction.name}`);
    }
  }
}
