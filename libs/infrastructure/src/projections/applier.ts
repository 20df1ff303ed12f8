import type { Recorded } from '#domain/kernel/events.js';
import type { AnyRow } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import { changesOf, foldInto, keyed, type Keyed, type Rows } from './batch.js';
import type { Fed } from './fed.js';
import type { GenerationStore } from './generations.js';
import type { ProgressHub } from './progress.js';
import type { QuarantineStore } from './quarantine.js';
import type { RowId } from './read-table.js';

/** One projection could not take a batch; nothing of the batch was written, for any projection. */
export class ProjectionFault extends Error {
  constructor(
    readonly fed: Fed,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'ProjectionFault';
  }
}

/** A batch holds every event after `after` (exclusive) up to `to` (inclusive) that anyone folds. */
export interface BatchRange {
  readonly after: string;
  readonly to: string;
}

/** Applies a batch of events to generations in one transaction: checkpoints first, then rows. */
export class BatchApplier {
  constructor(
    private readonly database: Database,
    private readonly generations: GenerationStore,
    private readonly quarantine: QuarantineStore,
    private readonly progress: ProgressHub,
    private readonly leaseMs: number,
  ) {}

  /**
   * Brings every generation that is behind `to` there. Throws `LeaseLost` when a checkpoint or lease moved, a
   * `ProjectionFault` when one projection's fold or write failed; in both cases nothing was written.
   */
  async apply(feds: readonly Fed[], events: readonly Recorded[], { after, to }: BatchRange): Promise<void> {
    const gap = feds.find((fed) => fed.position < after);
    if (gap !== undefined) throw new Error(`${gap.name} has not seen what is before ${after}`);
    const behind = feds.filter((fed) => fed.position < to);
    if (behind.length === 0) return;
    const write = async (): Promise<void> => {
      await this.generations.move(
        behind,
        behind.map(() => to),
        this.leaseMs,
      );
      for (const fed of behind) await this.guarded(fed, events);
    };
    await this.database.transaction(write, { durability: 'derived' });
    for (const fed of behind) {
      fed.position = to;
      fed.movedAt = performance.now();
      this.progress.publish(fed, to);
    }
  }

  private async guarded(fed: Fed, events: readonly Recorded[]): Promise<void> {
    try {
      await this.applyTo(fed, events);
    } catch (error) {
      throw new ProjectionFault(fed, error);
    }
  }

  private async applyTo(fed: Fed, events: readonly Recorded[]): Promise<void> {
    const relevant = fed.relevant(events);
    if (relevant.length === 0) return;
    const concerned = await this.withoutParked(fed, keyed(fed.projection, relevant));
    if (concerned.length === 0) return;
    if (fed.projection.form === 'append') return fed.table.insertNew(foldAppend(fed, concerned));
    const before = await loadRows(fed, concerned);
    const after: Rows = new Map(before);
    foldInto(fed.projection, fed.table.columns, after, concerned);
    const { upserts, removals } = changesOf(before, after);
    await fed.table.upsert(upserts);
    await fed.table.remove(removals);
  }

  private async withoutParked(fed: Fed, events: readonly Keyed[]): Promise<readonly Keyed[]> {
    if (fed.quarantined === undefined || fed.latestRevision !== fed.quarantineRevision) {
      fed.quarantined = await this.quarantine.keys(fed);
      fed.quarantineRevision = fed.latestRevision;
    }
    const parked = fed.quarantined;
    if (parked.size === 0) return events;
    const held = events.filter((entry) => parked.has(entry.key));
    if (held.length === 0) return events;
    await this.quarantine.park(fed, held);
    return events.filter((entry) => !parked.has(entry.key));
  }
}

/** The rows of an `append` projection: one for each event that its fold answers. */
export function foldAppend(fed: Pick<Fed, 'projection' | 'table'>, events: readonly Keyed[]): AnyRow[] {
  const rows: Rows = new Map();
  for (const entry of events) {
    if (!rows.has(entry.key)) foldInto(fed.projection, fed.table.columns, rows, [entry]);
  }
  return [...rows.values()].filter((row) => row !== undefined);
}

/** The stored rows that events concern, in one statement. */
export async function loadRows(fed: Pick<Fed, 'table'>, events: readonly Keyed[]): Promise<Rows> {
  const ids = new Map<string, RowId>();
  for (const { key, id, event } of events) ids.set(key, { tenant_id: event.tenantId, id });
  const rows: Rows = new Map([...ids.keys()].map((key) => [key, undefined]));
  for (const row of await fed.table.load([...ids.values()])) rows.set(`${row.tenant_id}/${row.id}`, row);
  return rows;
}
