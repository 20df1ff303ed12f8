import type { DomainEvent } from '#domain/kernel/events.js';
import type { AnyProjection, Columns, Projection, RowOf } from '#domain/kernel/projection.js';
import { ReadModels, type ReadModel } from '#infra/read-models/read-models.js';
import type { Where } from '#infra/read-models/conditions.js';
import { HotFollower, type HotStateOptions } from './hot-follower.js';
import { HotRows, type HotChange } from './hot-rows.js';
import { within } from './within.js';

/** Memory is too old and the table does not answer: the edge says 503, and nobody is let in on old policy. */
export class HotStateUnavailable extends Error {
  constructor(table: string, options?: ErrorOptions) {
    super(`the state of ${table} is not known now`, options);
    this.name = 'HotStateUnavailable';
  }
}

/** Milliseconds that a miss waits for memory to reach the log's head before it asks the table. */
const MISS_WAIT_MS = 1_000;
/** Milliseconds that the table is given. */
const TABLE_MS = 2_000;

/** Rows that a look-up by an indexed column gives from the table: more than any tenant's policies. */
const MOST_FOUND = 1_000;

/**
 * The hot states of this process: projections that every request needs, folded in memory by one subscription. `add` all
 * of them, then `start`.
 */
export class HotStates {
  private readonly tables: HotRows[] = [];
  private readonly follower: HotFollower;
  private readonly models: ReadModels;

  constructor(options: HotStateOptions) {
    this.follower = new HotFollower(options, this.tables);
    this.models = new ReadModels(options.database);
  }

  /** Keeps a projection in memory. `indexBy` names the columns that `findBy` takes. */
  add<E extends DomainEvent, C extends Columns>(
    projection: Projection<E, C>,
    { indexBy = [] }: { readonly indexBy?: readonly (keyof C & string)[] } = {},
  ): HotState<RowOf<C>> {
    const state = new HotState<RowOf<C>>(this.follower, this.models.for(projection), projection, indexBy);
    this.tables.push(state.rows);
    return state;
  }

  /** Reads the snapshot and begins to follow; rejects when the database cannot be reached. */
  start(): Promise<void> {
    return this.follower.start();
  }

  stop(): Promise<void> {
    return this.follower.stop();
  }

  /** Every event of the log up to here is in memory; '' before the first. */
  get position(): string {
    return this.follower.position;
  }

  /** True for a read model that is kept in memory here. */
  keeps(table: string): boolean {
    return this.tables.some(({ projection }) => projection.table === table);
  }

  /** `performance.now()` of the last batch or heartbeat at the head. */
  get freshAt(): number {
    return this.follower.freshAt;
  }

  isStale(ms?: number): boolean {
    return this.follower.isStale(ms);
  }

  /** True when memory has passed a position, after at most `timeoutMs`. */
  catchUp(position: string, timeoutMs = MISS_WAIT_MS): Promise<boolean> {
    return this.follower.catchUp(position, timeoutMs);
  }
}

/** One projection in memory. The plain calls look at memory only; those that end in `OrCheck` are safe to refuse by. */
export class HotState<R> {
  readonly rows: HotRows;
  private readonly listeners = new Set<(change: HotChange<R>) => void>();

  constructor(
    private readonly follower: HotFollower,
    private readonly model: ReadModel<R>,
    projection: AnyProjection,
    indexBy: readonly string[],
  ) {
    this.rows = new HotRows(projection, indexBy, (change) => {
      for (const listener of this.listeners) listener(change as HotChange<R>);
    });
  }

  get size(): number {
    return this.rows.size;
  }

  get(tenantId: string, id: string): R | undefined {
    return this.rows.get(tenantId, id) as R | undefined;
  }

  /** True while memory may answer for a row at once: it is current, and has folded every event of the row. */
  isFresh(tenantId: string, id: string): boolean {
    return !this.follower.isStale() && !this.rows.isFrozen(tenantId, id);
  }

  /** True while memory may answer for every row at once. */
  get isCurrent(): boolean {
    return !this.follower.isStale() && !this.rows.hasFrozen;
  }

  /** The rows, of every tenant, whose indexed column has this value. */
  findBy(column: keyof R & string, value: string): readonly R[] {
    return this.rows.findBy(column, value) as readonly R[];
  }

  /**
   * The row, from memory while it is fresh; a miss is answered only once memory has reached the log's head, or by the
   * table. Throws HotStateUnavailable when neither can be asked.
   */
  async getOrCheck(tenantId: string, id: string): Promise<R | undefined> {
    const look = (): R | undefined => this.get(tenantId, id);
    const ask = (): Promise<R | undefined> => this.model.find(tenantId, id);
    if (this.rows.isFrozen(tenantId, id)) return this.asked(ask);
    return this.looked(look, ask, (row) => row !== undefined);
  }

  /** As `getOrCheck`, by an indexed column. The rows carry their tenant. */
  async findByOrCheck(column: keyof R & string, value: string): Promise<readonly R[]> {
    const where = { [column]: value } as unknown as Where<R>;
    const ask = async (): Promise<readonly R[]> =>
      (await this.model.acrossTenants().page({ where, limit: MOST_FOUND })).rows;
    if (this.rows.hasFrozen) return this.asked(ask);
    return this.looked(
      () => this.findBy(column, value),
      ask,
      (rows) => rows.length > 0,
    );
  }

  /** Calls `listener` for each changed row, also those that a reboot changed, until the returned function is called. */
  onChange(listener: (change: HotChange<R>) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private async looked<T>(look: () => T, ask: () => Promise<T>, hit: (value: T) => boolean): Promise<T> {
    if (this.follower.isStale()) return this.asked(ask);
    const value = look();
    if (hit(value)) return value;
    const passed = await this.follower.passHead(MISS_WAIT_MS).catch(() => false);
    return passed ? look() : this.asked(ask);
  }

  private async asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await within(ask(), TABLE_MS);
    } catch (error) {
      throw new HotStateUnavailable(this.rows.projection.table, { cause: error });
    }
  }
}
