import type { Database } from '#infra/database/database.js';

/** Says that a reaction was resumed or that the lease became free. */
export const REACTIONS_CHANNEL = 'reactions';

/** A reaction as operators see it. `position`: everything up to here is done; '' is the beginning. */
export interface ReactionStatus {
  readonly name: string;
  readonly position: string;
  readonly movedAt: string;
  /** Why it was stopped, or null while it runs. */
  readonly error: string | null;
  readonly failedEvent: string | null;
  readonly failedPosition: string | null;
  readonly stoppedAt: string | null;
}

export interface Move {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface Failure {
  readonly error: string;
  readonly event: string | null;
  readonly position: string | null;
}

/** Another process runs the reactions now; nothing of this batch was written. */
export class ReactionLeaseLost extends Error {
  constructor() {
    super('another process runs the reactions');
    this.name = 'ReactionLeaseLost';
  }
}

const iso = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Checkpoints and the lease of the reactions. Lease times are the database's clock. */
export class ReactionStore {
  constructor(private readonly database: Database) {}

  /** The new epoch when the lease was free or over, else undefined. */
  async acquire(owner: string, ms: number): Promise<string | undefined> {
    const [row] = await this.database.query<{ epoch: string }>(
      `update reactions.lease set owner = $1, epoch = epoch + 1, expires_at = clock_timestamp() + $2 * interval '1 millisecond'
        where owner is null or expires_at < clock_timestamp() returning epoch`,
      [owner, ms],
    );
    return row?.epoch;
  }

  async renew(epoch: string, ms: number): Promise<boolean> {
    const changed = await this.database.execute(
      `update reactions.lease set expires_at = clock_timestamp() + $2 * interval '1 millisecond' where epoch = $1`,
      [epoch, ms],
    );
    return changed === 1;
  }

  async release(epoch: string): Promise<void> {
    await this.database.execute(
      `with freed as (update reactions.lease set owner = null, expires_at = null where epoch = $1 returning id)
        select pg_notify('${REACTIONS_CHANNEL}', '') from freed`,
      [epoch],
    );
  }

  /** Adds rows for new reactions, puts the epoch on all of them, which fences out the owner before, and gives them. */
  async takeOver(
    epoch: string,
    starts: readonly { readonly name: string; readonly position: string }[],
  ): Promise<readonly ReactionStatus[]> {
    return this.database.transaction(async () => {
      const names = starts.map(({ name }) => name);
      await this.database.execute(
        `insert into reactions.checkpoints (name, position) select * from unnest($1::text[], $2::text[]) on conflict do nothing`,
        [names, starts.map(({ position }) => position)],
      );
      await this.database.execute(
        'update reactions.checkpoints set epoch = $2 where name = any($1::text[]) and epoch <= $2',
        [names, epoch],
      );
      return (await this.all()).filter(({ name }) => names.includes(name));
    });
  }

  all(): Promise<readonly ReactionStatus[]> {
    return this.database.query<ReactionStatus>(
      `select name, position, ${iso('moved_at')} as "movedAt", error, failed_event as "failedEvent",
        failed_position as "failedPosition", ${iso('stopped_at')} as "stoppedAt" from reactions.checkpoints order by name`,
    );
  }

  /** Moves checkpoints as a compare-and-set, first in the batch's transaction. Throws ReactionLeaseLost. */
  async move(epoch: string, moves: readonly Move[]): Promise<void> {
    const moved = await this.database.queryPrepared(
      `update reactions.checkpoints c set position = m.next, moved_at = clock_timestamp()
        from unnest($2::text[], $3::text[], $4::text[]) as m(name, previous, next)
        where c.name = m.name and c.position = m.previous and c.epoch = $1 and c.error is null returning c.name`,
      [epoch, moves.map(({ name }) => name), moves.map(({ from }) => from), moves.map(({ to }) => to)],
    );
    if (moved.length !== moves.length) throw new ReactionLeaseLost();
  }

  /** Stops a reaction where it stands. */
  async halt(epoch: string, name: string, failure: Failure): Promise<void> {
    await this.database.execute(
      `update reactions.checkpoints set error = $3, failed_event = $4, failed_position = $5, stopped_at = clock_timestamp()
        where name = $2 and epoch = $1`,
      [epoch, name, failure.error, failure.event, failure.position],
    );
  }

  /** Lets a stopped reaction try again; false when it was not stopped. */
  async resume(name: string): Promise<boolean> {
    const rows = await this.database.query(
      `with resumed as (update reactions.checkpoints set error = null, failed_event = null, failed_position = null,
        stopped_at = null where name = $1 and error is not null returning name)
        select pg_notify('${REACTIONS_CHANNEL}', name) from resumed`,
      [name],
    );
    return rows.length > 0;
  }
}
