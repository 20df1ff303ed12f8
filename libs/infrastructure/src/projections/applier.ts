import type { Recorded } from '#domain/kernel/events.js';
import type { AnyRow } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import type { Row } from '#infra/database/planned-statement.js';
import { StatementFailed, type OrderedStatement } from '#infra/database/prepared.js';
import { breathe } from './backoff.js';
import { changesOf, foldInto, keyed, type Keyed, type Rows } from './batch.js';
import type { Fed } from './fed.js';
import type { GenerationRow, GenerationStore } from './generations.js';
import type { ProgressHub } from './progress.js';
import type { QuarantineStore } from './quarantine.js';
import type { RowId } from './read-table.js';
import { rowKey } from './row.js';

/** To fold so many takes a few milliseconds, in which others may want to go on. */
const MANY_EVENTS = 200;

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
    const shares: Share[] = [];
    for (const fed of behind) shares.push(await guarded(fed, () => shareOf(fed, events)));
    await this.write(behind, shares, to);
    for (const fed of behind) {
      fed.position = to;
      fed.movedAt = performance.now();
      this.progress.publish(fed, to);
    }
  }

  /** In one transaction: the checkpoints and the rows that the events concern, then what becomes of these. */
  private async write(behind: readonly Fed[], shares: readonly Share[], to: string): Promise<void> {
    const owners = new Map<OrderedStatement, Fed>();
    const own = (fed: Fed, statement: OrderedStatement): OrderedStatement => (owners.set(statement, fed), statement);
    const loading = shares.filter(needsRows);
    const loads = loading.map(({ fed, events }) => own(fed, fed.table.loading(idsOf(events))));
    const changes = async ([moved = [], ...loaded]: readonly Row[][]): Promise<readonly OrderedStatement[]> => {
      this.generations.moved(behind, moved as unknown as readonly GenerationRow[]);
      const rowsFor = new Map(loading.map(({ fed }, at) => [fed, loaded[at] as AnyRow[] | undefined]));
      const writes: OrderedStatement[] = [];
      for (const { fed, events } of shares) {
        const changing = async () => changesTo(fed, await this.withoutParked(fed, events), rowsFor.get(fed) ?? []);
        for (const statement of await guarded(fed, changing)) writes.push(own(fed, statement));
        if (events.length > MANY_EVENTS) await breathe();
      }
      return writes;
    };
    try {
      const moving = this.generations.moving(behind, to, this.leaseMs);
      await this.database.inTwoSteps([moving, ...loads], changes, { durability: 'derived' });
    } catch (error) {
      if (!(error instanceof StatementFailed)) throw error;
      const fed = owners.get(error.statement);
      throw fed === undefined ? error.cause : new ProjectionFault(fed, error.cause);
    }
  }

  private async withoutParked(fed: Fed, events: readonly Keyed[]): Promise<readonly Keyed[]> {
    if (events.length === 0) return events;
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

/** What of a batch one generation folds. */
interface Share {
  readonly fed: Fed;
  readonly events: readonly Keyed[];
}

function shareOf(fed: Fed, events: readonly Recorded[]): Share {
  return { fed, events: keyed(fed.projection, fed.relevant(events)) };
}

function needsRows({ fed, events }: Share): boolean {
  return events.length > 0 && fed.projection.form !== 'append';
}

/** What brings a table to where events lead, of the rows that they concern. */
function changesTo(fed: Fed, events: readonly Keyed[], loaded: readonly AnyRow[]): readonly OrderedStatement[] {
  if (events.length === 0) return [];
  if (fed.projection.form === 'append') return fed.table.insertingNew(foldAppend(fed, events));
  const before = rowsOf(events, loaded);
  const after: Rows = new Map(before);
  foldInto(fed.projection, fed.table.columns, after, events);
  const { upserts, removals } = changesOf(before, after);
  return [...fed.table.upserting(upserts), ...fed.table.removing(removals)];
}

async function guarded<T>(fed: Fed, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new ProjectionFault(fed, error);
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
  return rowsOf(events, await fed.table.load(idsOf(events)));
}

function idsOf(events: readonly Keyed[]): RowId[] {
  const ids = new Map<string, RowId>();
  for (const { key, id, event } of events) ids.set(key, { tenant_id: event.tenantId, id });
  return [...ids.values()];
}

/** What events concern, of rows that were loaded for at least those. */
function rowsOf(events: readonly Keyed[], loaded: readonly AnyRow[]): Rows {
  const rows: Rows = new Map(events.map(({ key }) => [key, undefined]));
  for (const row of loaded) {
    const key = rowKey(row.tenant_id, row.id);
    if (rows.has(key)) rows.set(key, row);
  }
  return rows;
}
