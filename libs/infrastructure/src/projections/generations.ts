import type { AnyProjection } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import type { OrderedStatement } from '#infra/database/prepared.js';
import { Fed } from './fed.js';
import { ReadTable } from './read-table.js';
import { definitionHash } from './row.js';

/** The channel that says `<table>:<version>:<position>` whenever an active generation moved. */
export const PROGRESS_CHANNEL = 'projection_progress';
/** The channel that says that a lease became free. */
export const LEASE_CHANNEL = 'projection_lease';

export type GenerationState = 'building' | 'catching-up' | 'verifying' | 'ready' | 'active' | 'retired';

/** A row of `projections.generations`. */
export interface GenerationRow {
  readonly table_name: string;
  readonly version: number;
  readonly generation: number;
  readonly state: GenerationState;
  readonly definition_hash: string;
  readonly position: string;
  readonly moved_at: Date;
  readonly quarantine_revision: number;
  readonly owner: string | null;
  readonly epoch: string;
  readonly expires_at: Date | null;
  readonly error: string | null;
  readonly report: unknown;
  readonly ready_at: Date | null;
  readonly swapped_out_at: Date | null;
}

/** Another process took the lease, or moved the checkpoint; nothing of this batch was written. */
export class LeaseLost extends Error {
  constructor(what: string) {
    super(`the lease of ${what} is held by another process`);
    this.name = 'LeaseLost';
  }
}

const sameRow = 'g.table_name = w.table_name and g.version = w.version and g.generation = w.generation';
const wanted = 'unnest($1::text[], $2::int[], $3::int[], $4::bigint[]) as w(table_name, version, generation, epoch)';

/** Reads and moves checkpoints and leases. Lease times are the database's clock. */
export class GenerationStore {
  constructor(private readonly database: Database) {}

  all(): Promise<GenerationRow[]> {
    return this.database.query<GenerationRow>(
      `select * from projections.generations where state <> 'retired' order by table_name, version, generation`,
    );
  }

  of(table: string, version: number): Promise<GenerationRow[]> {
    return this.database.query<GenerationRow>(
      `select * from projections.generations where table_name = $1 and version = $2 order by generation`,
      [table, version],
    );
  }

  /** Makes the first generation of a projection with its table and view, unless it is there. */
  async ensure(projection: AnyProjection): Promise<void> {
    const { table, version } = projection as { table: string; version: number };
    await this.database.transaction(async () => {
      await this.database.query(`select pg_advisory_xact_lock(hashtext($1))`, [`projection ${table} ${version}`]);
      if ((await this.of(table, version)).length > 0) return;
      await this.insert(projection, 1, 'active');
      const rows = new ReadTable(this.database, projection, 1);
      await rows.create();
      await rows.createIndexes();
      await rows.pointView();
    });
  }

  async insert(projection: AnyProjection, generation: number, state: GenerationState): Promise<void> {
    await this.database.query(
      `insert into projections.generations (table_name, version, generation, state, definition_hash) values ($1, $2, $3, $4, $5)`,
      [projection.table, projection.version, generation, state, definitionHash(projection)],
    );
  }

  /** Leases every free generation of these projections that is in one of the states; each with a new epoch. */
  async acquire(
    projections: readonly AnyProjection[],
    states: readonly GenerationState[],
    lease: { readonly owner: string; readonly ms: number },
    generation?: number,
  ): Promise<Fed[]> {
    const rows = await this.database.query<GenerationRow>(
      `with free as (
         select g.table_name, g.version, g.generation from projections.generations g
           join unnest($1::text[], $2::int[]) as w(table_name, version) on g.table_name = w.table_name and g.version = w.version
          where g.state = any($3) and g.error is null and (g.owner is null or g.expires_at < clock_timestamp())
            and ($6::int is null or g.generation = $6) for update of g skip locked)
       update projections.generations g
          set owner = $4, epoch = g.epoch + 1, expires_at = clock_timestamp() + $5 * interval '1 millisecond'
         from free w where ${sameRow} returning g.*`,
      [
        projections.map((p) => p.table),
        projections.map((p) => p.version),
        states,
        lease.owner,
        lease.ms,
        generation ?? null,
      ],
    );
    return rows.map((row) => {
      const projection = projections.find((p) => p.table === row.table_name && p.version === row.version);
      if (projection === undefined) throw new Error(`acquired ${row.table_name} without a definition`);
      return new Fed(projection, new ReadTable(this.database, projection, row.generation), row, lease.owner);
    });
  }

  /** Prolongs the leases and gives those that are still held, each with its stored position. */
  async renew(feds: readonly Fed[], owner: string, ms: number): Promise<ReadonlyMap<Fed, string>> {
    if (feds.length === 0) return new Map();
    const rows = await this.database.query<GenerationRow>(
      `update projections.generations g set expires_at = clock_timestamp() + $6 * interval '1 millisecond'
         from ${wanted} where ${sameRow} and g.owner = $5 and g.epoch = w.epoch and g.error is null
                and g.state <> 'retired' returning g.*`,
      [...keysOf(feds), owner, ms],
    );
    return new Map(
      feds.flatMap((fed) => rows.filter((row) => fed.is(row)).map(({ position }) => [fed, position] as const)),
    );
  }

  /** Gives the leases up and wakes whoever waits for them. */
  async release(feds: readonly Fed[], owner: string): Promise<void> {
    if (feds.length === 0) return;
    await this.database.query(
      `update projections.generations g set owner = null, expires_at = null from ${wanted}
        where ${sameRow} and g.owner = $5 and g.epoch = w.epoch`,
      [...keysOf(feds), owner],
    );
    await this.database.notify(LEASE_CHANNEL, '');
  }

  /**
   * Moves the checkpoints, first thing in a batch's transaction: the row locks fence other owners out until commit.
   * Throws `LeaseLost` when one of them is not where and whose it should be.
   */
  async move(feds: readonly Fed[], to: string, leaseMs: number): Promise<void> {
    const { text, values } = this.moving(feds, to, leaseMs);
    this.moved(feds, await this.database.queryPrepared<GenerationRow>(text, values));
  }

  /** The statement of `move`, whose rows `moved` takes. */
  moving(feds: readonly Fed[], to: string, leaseMs: number): OrderedStatement {
    const text = `with moved as (
         update projections.generations g set position = w.next, moved_at = clock_timestamp(),
                expires_at = clock_timestamp() + $8 * interval '1 millisecond'
           from unnest($1::text[], $2::int[], $3::int[], $4::bigint[], $5::text[], $6::text[])
             as w(table_name, version, generation, epoch, previous, next)
          where ${sameRow} and g.owner is not distinct from $7 and g.epoch = w.epoch and g.position = w.previous
            and g.error is null and g.state <> 'retired'
         returning g.table_name, g.version, g.generation, g.state, g.position, g.quarantine_revision, g.epoch)
       select *, case when state = 'active'
                      then pg_notify('${PROGRESS_CHANNEL}', table_name || ':' || version || ':' || position)::text end as notified
         from moved`;
    const positions = [feds.map((fed) => fed.position), feds.map(() => to)];
    return { text, values: [...keysOf(feds), ...positions, feds[0]?.owner ?? null, leaseMs], often: true };
  }

  /** Takes over what `moving` gave. Throws `LeaseLost`. */
  moved(feds: readonly Fed[], rows: readonly GenerationRow[]): void {
    if (rows.length !== feds.length) throw new LeaseLost(feds.map((fed) => fed.name).join(', '));
    for (const row of rows) feds.find((fed) => fed.is(row))?.moved(row);
  }

  async setState(fed: Fed, state: GenerationState, report: unknown = null): Promise<void> {
    const changed = await this.database.execute(
      `update projections.generations set state = $4, report = coalesce($5::jsonb, report),
              ready_at = case when $4 in ('ready', 'active') then coalesce(ready_at, now()) else ready_at end
        where table_name = $1 and version = $2 and generation = $3 and owner = $6 and epoch = $7`,
      [...fed.key, state, report === null ? null : JSON.stringify(report), fed.owner, fed.epoch],
    );
    if (changed !== 1) throw new LeaseLost(fed.name);
  }

  /** Stops a projection with its error; it is fed again after `resume` or a rebuild. */
  async fail(fed: Fed, error: string): Promise<void> {
    await this.database.query(
      `update projections.generations set error = $4, owner = null, expires_at = null
        where table_name = $1 and version = $2 and generation = $3 and owner = $5 and epoch = $6`,
      [...fed.key, error, fed.owner, fed.epoch],
    );
  }

  async markReady(feds: readonly Fed[]): Promise<void> {
    await this.database.query(
      `update projections.generations g set ready_at = now() from ${wanted} where ${sameRow} and g.ready_at is null`,
      keysOf(feds),
    );
  }

  /** What the table says of these generations now, e.g. after a commit whose outcome is not known. */
  async reload(feds: readonly Fed[]): Promise<readonly Fed[]> {
    const rows = await this.all();
    return feds.filter((fed) => {
      const row = rows.find((entry) => fed.is(entry));
      if (row?.owner !== fed.owner || row.epoch !== fed.epoch || row.error !== null || row.state === 'retired')
        return false;
      fed.position = row.position;
      return true;
    });
  }
}

function keysOf(feds: readonly Fed[]): [string[], number[], number[], string[]] {
  return [
    feds.map((fed) => fed.key[0]),
    feds.map((fed) => fed.key[1]),
    feds.map((fed) => fed.key[2]),
    feds.map((fed) => fed.epoch),
  ];
}
