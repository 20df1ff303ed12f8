import { randomUUID } from 'node:crypto';
import type { Database } from '#infra/database/database.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import { BatchApplier } from './applier.js';
import { GenerationStore, LEASE_CHANNEL, type GenerationRow } from './generations.js';
import { ProgressHub } from './progress.js';
import { QuarantineStore, type QuarantinedKey } from './quarantine.js';
import { ReadTable, viewName } from './read-table.js';
import { ReaderStore, type LiveReader } from './readers.js';
import { Rebuild, type RebuildOptions, type RebuildParts, type RebuildReport } from './rebuild.js';
import type { CapabilityRegistry } from './registry.js';
import { QuarantineRetry, type RetryResult } from './retry.js';
import { projectionStatus, type ProjectionStatus } from './status.js';
import { Swapper } from './swap.js';
import { TimeTravel, type AsOf, type AsOfScope, type PastRows } from './time-travel.js';
import { ProjectionVerifier, type TableDigest, type VerifyReport } from './verify.js';

export interface ProjectionAdminOptions {
  readonly database: Database;
  /** The domain log. */
  readonly log: EventLog;
  /** Needed for projections over the access log. */
  readonly accessLog?: EventLog;
  readonly registry: CapabilityRegistry;
  /** Milliseconds after which another process may take up an abandoned rebuild; 10,000 by default. */
  readonly leaseMs?: number;
}

/** All that operators do with projections. Works beside running runners, and without any. */
export class ProjectionAdmin {
  private readonly parts: Omit<RebuildParts, 'log'> & { readonly quarantine: QuarantineStore };
  private readonly logs: readonly EventLog[];
  private readonly readers: ReaderStore;

  constructor(options: ProjectionAdminOptions) {
    const { database, log, accessLog, registry, leaseMs = 10_000 } = options;
    const generations = new GenerationStore(database);
    const quarantine = new QuarantineStore(database);
    const applier = new BatchApplier(database, generations, quarantine, new ProgressHub(), leaseMs);
    const owner = `admin:${process.pid}:${randomUUID().slice(0, 8)}`;
    this.logs = accessLog === undefined ? [log] : [log, accessLog];
    this.parts = { database, registry, generations, quarantine, applier, owner, leaseMs };
    this.readers = new ReaderStore(database);
  }

  list(): Promise<ProjectionStatus[]> {
    return projectionStatus({ ...this.parts, logs: this.logs });
  }

  /** True when the newest version of every table has been at the head once. */
  async ready(): Promise<boolean> {
    const { registry, generations } = this.parts;
    const rows = await generations.all();
    const newest = registry.projections.filter((projection) => registry.isNewest(projection));
    return newest.every(({ table, version }) =>
      rows.some((row) => row.table_name === table && row.version === version && isServed(row)),
    );
  }

  /** Builds a new generation beside the served one and swaps it in; see `RebuildOptions` for what stops it. */
  rebuild(table: string, options: RebuildOptions & { readonly version?: number } = {}): Promise<RebuildReport> {
    return new Rebuild(this.on(table), this.parts.registry.projection(table, options.version), options).run();
  }

  /** Drops the unfinished generation of a table; false when there is none. */
  async cancelRebuild(table: string, version?: number): Promise<boolean> {
    const rows = await this.generationsOf(table, version);
    const unfinished = rows.filter((row) => ['building', 'catching-up', 'verifying'].includes(row.state));
    for (const row of unfinished) await this.drop(row);
    return unfinished.length > 0;
  }

  /** Serves the generation that was served before, or the one named. Throws when there is none. */
  async rollback(table: string, options: { readonly version?: number; readonly generation?: number } = {}) {
    const rows = await this.generationsOf(table, options.version);
    const warm = rows
      .filter((row) => row.state === 'ready' && row.swapped_out_at !== null)
      .toSorted((a, b) => (b.swapped_out_at?.getTime() ?? 0) - (a.swapped_out_at?.getTime() ?? 0))[0];
    const generation = options.generation ?? warm?.generation;
    if (generation === undefined) throw new Error(`${table} has no earlier generation to go back to`);
    const projection = this.parts.registry.projection(table, options.version);
    await new Swapper(this.on(table)).serve(projection, generation);
    return { table, version: projection.version, generation };
  }

  /** Drops every generation of a version that is not served; gives their numbers. */
  async retire(table: string, version?: number): Promise<readonly number[]> {
    const spare = (await this.generationsOf(table, version)).filter((row) => row.state === 'ready');
    for (const row of spare) await this.drop(row);
    return spare.map((row) => row.generation);
  }

  /** Drops an old version with its view. Refused while a live process reads it, or when it is the newest. */
  async retireVersion(table: string, version: number): Promise<void> {
    const { registry, database } = this.parts;
    const projection = registry.projections.find((entry) => entry.table === table && entry.version === version);
    if (projection !== undefined && registry.isNewest(projection))
      throw new Error(`${table} v${version} is the newest`);
    const reader = (await this.readers.live()).find((entry) => entry.table === table && entry.version === version);
    if (reader !== undefined) throw new Error(`${reader.processId} reads ${table} v${version}`);
    await database.query(`drop view if exists ${viewName(table, version)}`);
    for (const row of await this.parts.generations.of(table, version)) await this.drop(row);
  }

  /** Folds the log again and compares with the live table at its checkpoint. */
  verify(
    table: string,
    options: { readonly version?: number; readonly signal?: AbortSignal } = {},
  ): Promise<VerifyReport> {
    const projection = this.parts.registry.projection(table, options.version);
    return new ProjectionVerifier(this.on(table)).verify(projection, options.signal);
  }

  digest(table: string, version?: number): Promise<TableDigest> {
    return new ProjectionVerifier(this.on(table)).digest(this.parts.registry.projection(table, version));
  }

  asOf(table: string, at: AsOf, scope: AsOfScope, signal?: AbortSignal): Promise<PastRows> {
    return new TimeTravel(this.on(table)).asOf(this.parts.registry.projection(table), at, scope, signal);
  }

  quarantine(table?: string): Promise<QuarantinedKey[]> {
    return this.parts.quarantine.list(table);
  }

  /** Replays a key from the log; throws when it is not in quarantine. */
  async retry(table: string, key: { readonly tenantId: string; readonly id: string }): Promise<RetryResult[]> {
    const entries = (await this.quarantine(table)).filter(
      (entry) => entry.tenantId === key.tenantId && entry.key === key.id,
    );
    if (entries.length === 0) throw new Error(`${key.id} of ${key.tenantId} is not in quarantine of ${table}`);
    const results: RetryResult[] = [];
    for (const entry of entries) results.push(await new QuarantineRetry(this.on(table)).retry(entry));
    return results;
  }

  /** Feeds a stopped projection again from where it stopped. */
  async resume(table: string, version?: number): Promise<boolean> {
    const projection = this.parts.registry.projection(table, version);
    const changed = await this.parts.database.execute(
      `update projections.generations set error = null where table_name = $1 and version = $2 and error is not null`,
      [projection.table, projection.version],
    );
    await this.parts.database.notify(LEASE_CHANNEL, '');
    return changed > 0;
  }

  liveReaders(): Promise<LiveReader[]> {
    return this.readers.live();
  }

  /** The parts with the log that the table's projection folds. */
  private on(table: string) {
    const wanted = this.parts.registry.logOf(table);
    const log = this.logs.find((one) => one.log === wanted);
    if (log === undefined) throw new Error(`${table} folds the ${wanted} log, which is not open here`);
    return { ...this.parts, log };
  }

  private generationsOf(table: string, version?: number): Promise<GenerationRow[]> {
    const projection = this.parts.registry.projection(table, version);
    return this.parts.generations.of(table, projection.version);
  }

  private async drop({ table_name, version, generation }: GenerationRow): Promise<void> {
    const { database } = this.parts;
    await database.transaction(async () => {
      await database.query(`set local lock_timeout = '2s'`);
      await database.query(
        `update projections.generations set state = 'retired', owner = null, expires_at = null, epoch = epoch + 1
          where table_name = $1 and version = $2 and generation = $3`,
        [table_name, version, generation],
      );
      await database.query(
        `delete from projections.quarantine where table_name = $1 and version = $2 and generation = $3`,
        [table_name, version, generation],
      );
      await database.query(`drop table if exists ${ReadTable.physicalName(table_name, version, generation)}`);
    });
  }
}

function isServed(row: GenerationRow): boolean {
  return row.state === 'active' && row.ready_at !== null && row.error === null;
}
