import {
  maintenance,
  maintenanceErrors,
  type RecordRun,
} from '#domain/capabilities/maintenance/maintenance.decider.js';
import { defineJob, type AnyJob } from '#domain/kernel/job.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';

/** Whose rows, and whether they are only counted. */
export interface Prune {
  /** All tenants when absent. */
  readonly tenantId: string | undefined;
  readonly dryRun: boolean;
}

export interface MaintenanceTask {
  readonly name: string;
  /** False: what it removes belongs to no tenant alone. */
  readonly ofTenants: boolean;
  /** Removes what is kept no longer; how many rows. */
  prune(how: Prune): Promise<number>;
}

/** The name that stands for all of them. */
export const EVERYTHING = 'prune_retention_all';

/** Tells the log that a task ran: in the stream of `runId`, in the tenant whose rows it removed. */
export type TellRun = (tenantId: string, runId: string, command: RecordRun) => Promise<unknown>;

export interface MaintenanceAsked extends Prune {
  readonly task: string;
  /** Unique for what is asked; the same again is told of once. */
  readonly commandId: string;
}

/** When everything that is due is removed, UTC. */
export const NIGHTLY = { cron: '17 3 * * *', hour: 3, minute: 17 } as const;

/** Removes what is kept no longer, for whoever asks: an operator, the admins of a tenant, the clock. */
export class Maintenance {
  constructor(private readonly tasks: readonly MaintenanceTask[]) {}

  /** The names that can be run for all tenants, or for one. */
  available(tenantId: string | undefined): readonly string[] {
    const names = this.tasks.filter(({ ofTenants }) => ofTenants || tenantId === undefined).map(({ name }) => name);
    return [...names, EVERYTHING].sort();
  }

  /** Runs a task; gives how many rows went, or would go. */
  async run(asked: MaintenanceAsked, record: TellRun): Promise<number> {
    if (asked.task !== EVERYTHING) return this.one(this.find(asked.task, asked.tenantId), asked, record);
    let deletedRows = 0;
    for (const task of this.tasks) {
      if (task.ofTenants || asked.tenantId === undefined) deletedRows += await this.one(task, asked, record);
    }
    await tell(EVERYTHING, deletedRows, asked, record);
    return deletedRows;
  }

  private find(name: string, tenantId: string | undefined): MaintenanceTask {
    const task = this.tasks.find((known) => known.name === name);
    const available = this.available(tenantId);
    if (task === undefined) throw new CatalogueError(maintenanceErrors.cannotRun, { available });
    if (!task.ofTenants && tenantId !== undefined)
      throw new CatalogueError(maintenanceErrors.ofThePlatform, { available });
    return task;
  }

  private async one(task: MaintenanceTask, asked: MaintenanceAsked, record: TellRun): Promise<number> {
    const { tenantId, dryRun } = asked;
    const deletedRows = await task.prune({ tenantId, dryRun });
    await tell(task.name, deletedRows, asked, record);
    return deletedRows;
  }
}

/** Counting changes nothing, so it is no event. */
async function tell(task: string, deletedRows: number, asked: MaintenanceAsked, record: TellRun): Promise<void> {
  if (asked.dryRun) return;
  const runId = derivedId(asked.commandId, task);
  await record(asked.tenantId ?? SYSTEM_TENANT, runId, { type: 'RecordRun', data: { runId, task, deletedRows } });
}

/** The same by the clock, every night, for all tenants. */
export function nightlyMaintenance(work: Maintenance, path: CommandPath): AnyJob {
  return defineJob({
    name: 'maintenance.nightly',
    cron: NIGHTLY.cron,
    retryLimit: 3,
    retryDelaySeconds: 60,
    timeoutSeconds: 3_600,
    concurrency: 1,
    handle: async ({ id }) => {
      const asked = { task: EVERYTHING, commandId: id, tenantId: undefined, dryRun: false };
      await work.run(asked, (tenantId, runId, command) =>
        path.run(maintenance, runId, command, {
          tenantId,
          actor: { type: 'system', id: 'maintenance', role: null },
          now: new Date().toISOString(),
          commandId: derivedId(runId, 'recorded'),
          newId: runId,
          requestId: null,
        }),
      );
    },
  });
}
