import type { AnyProjection } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import { isTransient } from '#infra/database/database-errors.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import type { BatchApplier } from './applier.js';
import { backoff } from './backoff.js';
import { Fed } from './fed.js';
import { PROGRESS_CHANNEL, type GenerationRow, type GenerationStore } from './generations.js';
import { ProjectionReader } from './log-reader.js';
import { ReadTable } from './read-table.js';
import type { CapabilityRegistry } from './registry.js';

export interface SwapParts {
  readonly database: Database;
  readonly log: EventLog;
  readonly registry: CapabilityRegistry;
  readonly generations: GenerationStore;
  readonly applier: BatchApplier;
}

const ATTEMPTS = 20;

/** Changes which generation a version's view shows, in one transaction and never backwards in the log. */
export class Swapper {
  constructor(private readonly parts: SwapParts) {}

  /** Serves `generation` from now on; the one served before stays warm. Rejects when it is not ready to serve. */
  async serve(projection: AnyProjection, generation: number): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.parts.database.transaction(() => this.swap(projection, generation));
        return;
      } catch (error) {
        if (code(error) === '42P16') throw new Error('the columns changed: raise the version', { cause: error });
        if (!isTransient(error) || attempt >= ATTEMPTS) throw error;
        await backoff(attempt, new AbortController().signal);
      }
    }
  }

  /** Folds the log into a generation up to `to`, under whatever lease its row shows. */
  async level(fed: Fed, to: string, skipUnknown = false): Promise<void> {
    const reader = new ProjectionReader(this.parts.log, this.parts.registry, fed.projection);
    for await (const page of reader.read({ after: fed.position, to, skipUnknown })) {
      await this.parts.applier.apply([fed], page.events, { after: page.after, to: page.scannedTo });
    }
  }

  private async swap(projection: AnyProjection, generation: number): Promise<void> {
    const { database, generations } = this.parts;
    const { table, version } = projection as { table: string; version: number };
    await database.query(`set local lock_timeout = '2s'`);
    const rows = await database.query<GenerationRow>(
      `select * from projections.generations where table_name = $1 and version = $2 and (state = 'active' or generation = $3)
        order by generation for update`,
      [table, version, generation],
    );
    const active = rows.find((row) => row.state === 'active');
    const target = rows.find((row) => row.generation === generation);
    if (target === undefined || !['ready', 'verifying'].includes(target.state)) {
      throw new Error(`generation ${generation} of ${table} is not ready to serve`);
    }
    const rowsOfTarget = new ReadTable(database, projection, generation);
    // Both checkpoints are locked: what is missing is little, and readers never see an older state than before.
    if (active !== undefined && target.position < active.position) {
      await this.level(new Fed(projection, rowsOfTarget, target, target.owner), active.position, true);
    }
    await database.query(
      `update projections.generations set state = 'ready', swapped_out_at = clock_timestamp()
        where table_name = $1 and version = $2 and state = 'active'`,
      [table, version],
    );
    await database.query(
      `update projections.generations set state = 'active', ready_at = coalesce(ready_at, now()), swapped_out_at = null
        where table_name = $1 and version = $2 and generation = $3`,
      [table, version, generation],
    );
    await rowsOfTarget.pointView();
    const [now] = (await generations.of(table, version)).filter((row) => row.generation === generation);
    await database.notify(PROGRESS_CHANNEL, `${table}:${version}:${now?.position ?? ''}`);
  }
}

function code(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
