import type { AnyDecider, DomainCommand } from '#domain/kernel/decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { AnyJob } from '#domain/kernel/job.js';
import { commandJob } from '#infra/jobs/command-job.js';
import { JobQueue } from '#infra/jobs/job-queue.js';
import { ReactionRunner } from '#infra/jobs/reaction-runner.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import { jobPorts } from '#infra/platform/job-ports.js';
import { openLedgers, type Ledgers } from '#infra/platform/ledger.js';
import { bulkhead } from '#infra/config/models.js';
import type { Platform } from '#infra/platform/platform.js';
import { housekeepingJobs } from './housekeeping.js';

/** Runs every projection, reaction and job of every capability, and seals the log. Names no capability. */
export class Projector {
  private constructor(
    readonly projections: ProjectionRunner,
    /** Those over the access log. */
    readonly accessProjections: ProjectionRunner,
    readonly queue: JobQueue,
    readonly reactions: ReactionRunner,
    readonly ledgers: Ledgers,
  ) {}

  static async open(platform: Platform): Promise<Projector> {
    const { database, log, accessLog, registry, progress, options } = platform;
    const ports = jobPorts(platform);
    const runner = (over: EventLog): ProjectionRunner =>
      new ProjectionRunner({
        database,
        log: over,
        registry,
        progress,
        owner: platform.processId,
        onProblem: (error) => options.onProblem(error, 'projections'),
      });
    const queue = new JobQueue({
      database,
      jobs: jobsOf(platform),
      portsOf: () => ports,
      onError: options.onProblem,
    });
    const reactions = new ReactionRunner({
      database,
      log,
      reactions: registry.reactions,
      toRecorded: (stored) => registry.toRecorded(stored),
      queue,
      onError: options.onProblem,
    });
    const ledgers = await openLedgers(platform.config, platform.stores, platform.logs, (error) =>
      options.onProblem(error, 'ledger'),
    );
    return new Projector(runner(log), runner(accessLog), queue, reactions, ledgers);
  }

  async start(): Promise<void> {
    await this.projections.start();
    await this.accessProjections.start();
    await this.queue.start({ work: true });
    await this.reactions.start();
    for (const { sealer } of Object.values(this.ledgers)) sealer.start();
  }

  /** Finishes what is under way and hands leases over. */
  async stop(graceMs: number): Promise<void> {
    await this.reactions.stop();
    await this.queue.stop({ graceMs });
    await this.projections.stop();
    await this.accessProjections.stop();
    for (const { sealer } of Object.values(this.ledgers)) await sealer.stop();
  }
}

/** The jobs of all capabilities with the configured budget, those of the house, and the commands that reactions ask for. */
export function jobsOf(platform: Platform): readonly AnyJob[] {
  const { ingest } = platform.config;
  const { INGEST_MAX_RETRIES: retryLimit } = ingest;
  const places = bulkhead(ingest.INGEST_BULKHEAD_MAX_CONCURRENCY, ingest.INGEST_MAX_CONCURRENCY);
  const declared = platform.registry.capabilities.flatMap((capability) => capability.jobs);
  const tuned = declared.map((job) =>
    job.budget === 'ingest' ? { ...job, concurrency: places * (job.perPlace ?? 1), retryLimit } : job,
  );
  const all = platform.registry.capabilities.flatMap(({ deciders: of }) => of);
  const deciders = new Map<string, AnyDecider>(
    all.filter(({ name }) => name === undefined).map((decider) => [decider.category, decider]),
  );
  const { commands } = jobPorts(platform);
  const run = async (
    effect: {
      readonly category: string;
      readonly streamId: string;
      readonly tenantId: string;
      readonly command: DomainCommand;
    },
    jobId: string,
  ): Promise<void> => {
    const decider = deciders.get(effect.category);
    if (decider === undefined) throw new Error(`no decider has the category ${effect.category}`);
    await commands.run(decider, effect.tenantId, effect.streamId, effect.command, jobId).catch((error: unknown) => {
      // A refusal is the answer of the domain: to ask again would change nothing.
      if (!(error instanceof CatalogueError) || error.row.kind === 'unavailable') throw error;
      platform.options.onProblem(error, `command ${effect.category}`);
    });
  };
  return [...tuned, ...(platform.options.jobs?.(platform) ?? []), ...housekeepingJobs(platform), commandJob(run)];
}
