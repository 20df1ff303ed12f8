import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { AnyProjection } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import { BatchApplier } from './applier.js';
import { pause } from './backoff.js';
import type { Fed } from './fed.js';
import { Feeder } from './feeder.js';
import { GenerationStore, LEASE_CHANNEL } from './generations.js';
import { HURRY_CHANNEL } from './hurry.js';
import { PoisonIsolator } from './poison.js';
import { ProgressHub } from './progress.js';
import { QuarantineStore } from './quarantine.js';
import { ReaderStore } from './readers.js';
import type { CapabilityRegistry } from './registry.js';
import { Settler } from './settler.js';

export interface ProjectionRunnerOptions {
  readonly database: Database;
  /** The log that is read; only the projections over it are fed. */
  readonly log: EventLog;
  readonly registry: CapabilityRegistry;
  /** Shared with the waiters of this process, so that they need no round trip. */
  readonly progress?: ProgressHub;
  /** Unique over all processes; host, pid and a random part by default. */
  readonly owner?: string;
  /** Milliseconds after which a silent owner's projections may be taken over; 10,000 by default, renewed every third. */
  readonly leaseMs?: number;
  /** Most events in one transaction; 2,000 by default. */
  readonly batchSize?: number;
  /** Told of everything that went wrong and was dealt with, for the log. */
  readonly onProblem?: (error: unknown) => void;
}

/** How old an event may at least get before it is projected, in milliseconds, while nobody in this process waits for it. */
const REST_MS = { prompt: 10, patient: 50 };

/** Feeds every projection over one log that no other process feeds, and takes over those whose owner fell silent. */
export class ProjectionRunner {
  readonly owner: string;
  readonly progress: ProgressHub;
  /** Events of types that this build does not know, by type, since the start. */
  readonly unknownTypes = new Map<string, number>();
  private readonly leaseMs: number;
  private readonly onProblem: (error: unknown) => void;
  private readonly generations: GenerationStore;
  private readonly readers: ReaderStore;
  /** Apart, so that who waits for a row waits for few tables only. */
  private readonly feeders: { readonly prompt: Feeder; readonly patient: Feeder };
  private readonly stopping = new AbortController();
  private keeping: Promise<void> | undefined;
  private readonly unlistens: (() => Promise<void>)[] = [];
  private wake: () => void = () => undefined;

  constructor(private readonly options: ProjectionRunnerOptions) {
    const { database, log, registry } = options;
    this.owner = options.owner ?? `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
    this.progress = options.progress ?? new ProgressHub();
    this.leaseMs = options.leaseMs ?? 10_000;
    this.onProblem = options.onProblem ?? (() => undefined);
    const { progress, leaseMs, onProblem } = this;
    const generations = new GenerationStore(database);
    const quarantine = new QuarantineStore(database);
    const applier = new BatchApplier(database, generations, quarantine, progress, leaseMs);
    const isolator = new PoisonIsolator({ database, generations, quarantine, applier, progress, leaseMs });
    const settler = new Settler(applier, isolator, generations, onProblem);
    const batchSize = options.batchSize ?? 2_000;
    const onUnknown = (type: string): void => {
      this.unknownTypes.set(type, (this.unknownTypes.get(type) ?? 0) + 1);
    };
    this.generations = generations;
    this.readers = new ReaderStore(database);
    const feeder = (pace: 'prompt' | 'patient'): Feeder =>
      new Feeder({
        ...{ log, registry, settler, generations, batchSize, onProblem, onUnknown },
        ...{ hurry: progress.hurries[pace], restMs: REST_MS[pace] },
      });
    this.feeders = { prompt: feeder('prompt'), patient: feeder('patient') };
    for (const { table, patient } of this.projections) if (patient === true) progress.notePatient(table);
  }

  /** Makes missing tables and starts to feed. Rejects when the database cannot be reached. */
  async start(): Promise<void> {
    for (const projection of this.projections) await this.generations.ensure(projection);
    const { database } = this.options;
    this.unlistens.push(
      await database.listen(LEASE_CHANNEL, () => this.wake()),
      await database.listen(HURRY_CHANNEL, (table) => this.progress.hurryOf(table).nudge()),
    );
    await this.acquire();
    this.keeping = this.keep();
  }

  /** Finishes the batch under way and hands the leases over. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await this.keeping;
    const { feds } = this;
    await Promise.all([this.feeders.prompt.stop(), this.feeders.patient.stop()]);
    for (const unlisten of this.unlistens.splice(0)) await unlisten();
    await this.generations.release(feds, this.owner);
  }

  private get feds(): readonly Fed[] {
    return [...this.feeders.prompt.feds, ...this.feeders.patient.feds];
  }

  private feederOf({ projection }: Fed): Feeder {
    return this.feeders[projection.patient === true ? 'patient' : 'prompt'];
  }

  private get projections(): readonly AnyProjection[] {
    return this.options.registry.projectionsOf(this.options.log.log);
  }

  /** What this process feeds now, as `table v1 generation 1`. */
  get feeding(): readonly string[] {
    return this.feds.map((fed) => fed.name);
  }

  /** Resolves when everything that this process feeds has passed the head that the log has now. */
  async caughtUp(): Promise<void> {
    const head = await this.options.log.head();
    while (head !== null && this.feds.some((fed) => fed.position < head)) {
      if (this.stopping.signal.aborted) return;
      await pause(2, this.stopping.signal);
    }
  }

  private async keep(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.wokenOr(this.leaseMs / 5, signal);
      if (signal.aborted) return;
      try {
        await this.renew();
        await this.acquire();
      } catch (error) {
        this.onProblem(error);
      }
    }
  }

  private async wokenOr(millis: number, signal: AbortSignal): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    await Promise.race([woken, pause(millis, signal)]);
  }

  private async renew(): Promise<void> {
    // To wait for the rows of a batch under way would hold up the next of all others.
    const resting = this.feds.filter(({ movedAt }) => performance.now() - movedAt > this.leaseMs / 5);
    const held = await this.generations.renew(resting, this.owner, this.leaseMs);
    for (const fed of resting) if (!held.has(fed)) this.feederOf(fed).drop(fed);
    // A crash of the server may have forgotten their last commits: acquired again, they go on from what is stored.
    const setBack = resting.filter((fed) => (held.get(fed) ?? fed.position) < fed.position);
    for (const fed of setBack) this.feederOf(fed).drop(fed);
    await this.generations.release(setBack, this.owner);
  }

  private async acquire(): Promise<void> {
    const wanted = await this.wanted();
    const surplus = this.feds.filter((fed) => !wanted.includes(fed.projection));
    for (const fed of surplus) this.feederOf(fed).drop(fed);
    if (surplus.length > 0) await this.generations.release(surplus, this.owner);
    const lease = { owner: this.owner, ms: this.leaseMs };
    const acquired = Map.groupBy(await this.generations.acquire(wanted, ['active', 'ready'], lease), (fed) =>
      this.feederOf(fed),
    );
    for (const [feeder, feds] of acquired) feeder.adopt(feds);
  }

  /** The newest version of each table, and older ones for as long as a live process reads them. */
  private async wanted(): Promise<readonly AnyProjection[]> {
    const { projections } = this;
    const { registry } = this.options;
    if (projections.every((projection) => registry.isNewest(projection))) return projections;
    const read = await this.readers.live();
    return projections.filter(
      (projection) =>
        registry.isNewest(projection) ||
        read.some((entry) => entry.table === projection.table && entry.version === projection.version),
    );
  }
}
