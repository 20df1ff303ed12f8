import type { AnyProjection } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import { positionOf } from '#infra/event-log/prepared-append.js';
import { ReadTable } from '#infra/projections/read-table.js';

export interface AccessRetentionOptions {
  readonly database: Database;
  /** The projections over the access log. */
  readonly projections: readonly AnyProjection[];
  /** How long events are kept. */
  readonly days: number;
}

const TILE = 256;
/** Events removed in one transaction: read models stand still for so long. */
const BATCH = 4_096;

/** Cuts the beginning off the access log, at borders of sealed tiles; the leaves with their hashes stay. */
export class AccessRetention {
  constructor(private readonly options: AccessRetentionOptions) {}

  keptSince(): string {
    return new Date(Date.now() - this.options.days * 86_400_000).toISOString();
  }

  async cutFor(recordedBefore: string) {
    const last = await this.lastBefore(recordedBefore);
    const [old] = await this.options.database.query<{ idx: string }>(
      `select idx from ledger.leaf where log_id = 'access' and position <= $1 order by position desc limit 1`,
      [positionOf(last)],
    );
    const leaves = Math.floor((Number(old?.idx ?? -1) + 1) / TILE) * TILE;
    const [border] = await this.options.database.query<{ position: string }>(
      `select position from ledger.leaf where log_id = 'access' and idx = $1`,
      [leaves - 1],
    );
    return border === undefined ? undefined : { leaves, position: border.position, recordedBefore };
  }

  /** How many events are there up to a position. */
  async count(upTo: string): Promise<number> {
    const [row] = await this.options.database.query<{ n: string }>(
      'select count(*) as n from log.event where log_id = 2 and position <= $1',
      [Number(upTo)],
    );
    return Number(row?.n ?? 0);
  }

  async remove(upTo: string, signal: AbortSignal): Promise<number> {
    let removed = 0;
    const end = Number(upTo);
    while (!signal.aborted) {
      const [first] = await this.options.database.query<{ position: string }>(
        `select position from log.event where log_id = 2 order by position limit 1`,
      );
      const from = Number(first?.position ?? Infinity);
      if (from > end) break;
      const batch = await this.removeBatch(Math.min(end, from + BATCH - 1));
      if (batch === undefined) return removed;
      removed += batch;
    }
    await this.removeEmptyStreams();
    return removed;
  }

  /** Undefined while a read model has not folded what would go. */
  private removeBatch(to: number): Promise<number | undefined> {
    const { database, projections } = this.options;
    return database.transaction(async () => {
      // The checkpoints stand still, so that nobody folds an event whose row was just removed.
      const generations = await database.query<{
        table_name: string;
        version: number;
        generation: number;
        position: string;
      }>(
        `select table_name, version, generation, position from projections.generations
          where table_name = any($1) and state <> 'retired' order by table_name, version, generation for update`,
        [[...new Set(projections.map(({ table }) => table))]],
      );
      const position = positionOf(to);
      if (generations.some((generation) => generation.position < position)) return undefined;
      for (const { table_name, version, generation } of generations) {
        if (!this.hasPositions(table_name, version)) continue;
        const table = ReadTable.physicalName(table_name, version, generation);
        await database.execute(`delete from ${table} where position <= $1`, [position]);
      }
      await database.query(`set local nexusrag.access_retention = 'on'`);
      return database.execute(`delete from log.event where log_id = 2 and position <= $1`, [to]);
    });
  }

  private hasPositions(table: string, version: number): boolean {
    const known = this.options.projections.find((one) => one.table === table && one.version === version);
    return known === undefined || Object.hasOwn(known.columns as object, 'position');
  }

  /** A day's stream that lost its events takes no more. */
  private async removeEmptyStreams(): Promise<void> {
    const lastDay = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
    await this.options.database.execute(
      `delete from log.stream s where s.log_id = 2 and s.category = 'access' and split_part(s.name, '.', 2) < $1
          and not exists (select from log.event e where e.stream_pk = s.stream_pk)`,
      [lastDay],
    );
  }

  /** The last position that was recorded before an instant: instants rise with positions, so halving finds it. */
  private async lastBefore(instant: string): Promise<number> {
    const { database } = this.options;
    const [ends] = await database.query<{ first: string | null; last: string | null }>(
      `select (select position from log.event where log_id = 2 order by position limit 1) as first,
              (select position from log.event where log_id = 2 order by position desc limit 1) as last`,
    );
    let [low, high] = [Number(ends?.first ?? 1) - 1, Number(ends?.last ?? 0)];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const [event] = await database.query<{ old: boolean }>(
        `select recorded_at < $2::timestamptz as old from log.event
          where log_id = 2 and position <= $1 order by position desc limit 1`,
        [middle, instant],
      );
      if (event?.old === false) high = middle - 1;
      else low = middle;
    }
    return low;
  }
}
