import type { Json, JsonObject } from '#domain/kernel/schema.js';
import type { Database } from '#infra/database/database.js';

/** Where a job stands. `dead`: all attempts failed; it waits for an operator's retry. */
export type JobState = 'queued' | 'retrying' | 'active' | 'completed' | 'cancelled' | 'dead';

/** A job as operators see it. Instants are ISO 8601 UTC with milliseconds. */
export interface JobView {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly data: JsonObject;
  /** Attempts started so far. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** The last attempt's error, or null. */
  readonly error: string | null;
  readonly createdAt: string;
  readonly startAfter: string;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
}

export interface JobListOptions {
  readonly state?: JobState;
  readonly name?: string;
  /** 1 to 200; 50 by default. */
  readonly limit?: number;
  /** `next` of the page before; ignored when it is no cursor of ours. */
  readonly cursor?: string;
}

export interface JobPage {
  readonly jobs: readonly JobView[];
  readonly next: string | null;
}

/** How many jobs of a queue are in a state, and how long the oldest has been due, in seconds. */
export interface JobCount {
  readonly name: string;
  readonly state: JobState;
  readonly count: number;
  readonly oldestDueSeconds: number;
}

const stateNames: Readonly<Record<JobState, string>> = {
  queued: 'created',
  retrying: 'retry',
  active: 'active',
  completed: 'completed',
  cancelled: 'cancelled',
  dead: 'failed',
};
/** Seconds without a heartbeat, four of which are due in them, after which a running job counts as lost. */
const LOST_AFTER_SECONDS = 8;
/** Attempts that a job gets beyond its own when processes die under it. */
const LOST_ATTEMPTS = 5;
const PURGE_BATCH = 5_000;

const stateSql = `(case state::text when 'created' then 'queued' when 'retry' then 'retrying' when 'failed' then 'dead'
  else state::text end)`;
const instant = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const viewSql = `select id::text, name, ${stateSql} as state, coalesce(data, '{}'::jsonb) as data,
  case when started_on is null then retry_count else retry_count + 1 end as attempts, retry_limit + 1 as "maxAttempts",
  coalesce(output->>'message', output->'value'->>'message') as error, ${instant('created_on')} as "createdAt",
  ${instant('start_after')} as "startAfter", ${instant('started_on')} as "startedAt",
  ${instant('completed_on')} as "completedAt", created_on::text as at from pgboss.job`;

/** Lets a search by id alone use the primary key (name, id). */
const anyQueue = 'name in (select name from pgboss.queue)';

interface ViewRow extends JobView {
  readonly at: string;
}

/** What pg-boss's own calls do not offer: views, dead letters, lost and finished jobs. All names are queue names. */
export class JobStore {
  constructor(private readonly database: Database) {}

  /** Speeds up the search for lost and dead jobs, and for the ends of lines; idempotent. */
  async prepare(): Promise<void> {
    await this.database.transaction(async () => {
      // "If not exists" alone fails when two processes start at once.
      await this.database.query(`select pg_advisory_xact_lock(hashtext('nexusrag.jobs'))`);
      await this.database.execute(
        `create index if not exists job_common_open on pgboss.job_common (name, state) where state in ('active', 'failed')`,
      );
      // Where the line of a tenant ends, for fair turns.
      await this.database.execute(
        `create index if not exists job_common_line on pgboss.job_common (name, group_id, priority)
          where state < 'active' and group_id is not null`,
      );
    });
  }

  async list(options: JobListOptions): Promise<JobPage> {
    const limit = Math.min(Math.max(options.limit ?? 50, 1), 200);
    const [at, id] = readCursor(options.cursor);
    const rows = await this.database.query<ViewRow>(
      `${viewSql} where ($1::text is null or name = $1) and ($2::text is null or state::text = $2)
        and ($3::timestamptz is null or (created_on, id) < ($3::timestamptz, $4::uuid))
        order by created_on desc, id desc limit $5`,
      [options.name ?? null, options.state === undefined ? null : stateNames[options.state], at, id, limit + 1],
    );
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return {
      jobs: rows.slice(0, limit).map(viewOf),
      next: last === undefined ? null : Buffer.from(JSON.stringify([last.at, last.id])).toString('base64url'),
    };
  }

  async get(id: string): Promise<JobView | undefined> {
    const [row] = await this.database.query<ViewRow>(`${viewSql} where ${anyQueue} and id = $1::uuid limit 1`, [id]);
    return row === undefined ? undefined : viewOf(row);
  }

  /** Gives a dead job its attempts again, under the same id; the queue's name, or undefined when it is not dead. */
  async revive(id: string): Promise<string | undefined> {
    const [row] = await this.database.query<{ name: string }>(
      `update pgboss.job j set state = 'retry', start_after = now(), completed_on = null, started_on = null, retry_count = 0,
        retry_limit = q.retry_limit from pgboss.queue q where q.name = j.name and j.id = $1::uuid and j.state = 'failed'
        returning j.name`,
      [id],
    );
    return row?.name;
  }

  /** Only what is not finished, by two partial indexes: finished jobs are many. */
  async counts(): Promise<readonly JobCount[]> {
    const counted = `select name, ${stateSql} as state, count(*)::int as count, coalesce(extract(epoch from now() -
      min(start_after) filter (where state < 'active' and start_after <= now())), 0)::float8 as "oldestDueSeconds" from pgboss.job`;
    return this.database.query<JobCount>(
      `${counted} where state < 'active' and not blocked group by name, state
        union all ${counted} where state in ('active', 'failed') group by name, state order by name, state`,
    );
  }

  /** Which of these queues have a job that may start now. */
  async due(names: readonly string[]): Promise<readonly string[]> {
    const rows = await this.database.query<{ name: string }>(
      `select n.name from unnest($1::text[]) as n(name) where exists (select 1 from pgboss.job j
        where j.name = n.name and j.state < 'active' and not j.blocked and j.start_after <= now())`,
      [names],
    );
    return rows.map((row) => row.name);
  }

  /**
   * Frees the jobs whose worker is gone: without a heartbeat, or all but `mine` when `everyone`. They start again at
   * once, and the attempt that was lost is given back up to five times; the rest is returned, to be failed.
   */
  async freeLost(mine: readonly string[], everyone: boolean): Promise<readonly { id: string; name: string }[]> {
    const lost = everyone
      ? 'true'
      : `(j.heartbeat_on + interval '${LOST_AFTER_SECONDS}s' < now() or j.started_on + j.expire_seconds * interval '1s' < now())`;
    const rows = await this.database.query<{ id: string; name: string; again: boolean }>(
      `with lost as (
        select j.name, j.id, greatest(j.retry_limit, least(j.retry_limit + 1, q.retry_limit + ${LOST_ATTEMPTS})) as attempts,
          j.retry_count
        from pgboss.job j join pgboss.queue q on q.name = j.name
        where j.state = 'active' and j.state in ('active', 'failed') and not j.id = any($1::uuid[]) and ${lost} for update of j skip locked
      ), freed as (
        update pgboss.job j set state = 'retry', start_after = now(), heartbeat_on = null, retry_limit = l.attempts
        from lost l where j.name = l.name and j.id = l.id and l.retry_count < l.attempts returning j.name, pg_notify('jobs', j.name)
      )
      select id::text, name, retry_count < attempts as again, (select count(*) from freed) from lost`,
      [mine],
    );
    return rows.filter((row) => !row.again);
  }

  /** Gives running jobs back unfinished, without counting the attempt. */
  async handBack(ids: readonly string[], afterSeconds = 0): Promise<void> {
    await this.database.execute(
      `with back as (update pgboss.job set state = case when retry_count > 0 then 'retry' else 'created' end::pgboss.job_state,
        start_after = now() + $2 * interval '1s', started_on = null, heartbeat_on = null
        where ${anyQueue} and id = any($1::uuid[]) and state = 'active' returning name)
        select pg_notify('jobs', name) from (select distinct name from back) b`,
      [ids, afterSeconds],
    );
  }

  /** Holds a job that waits for its next attempt back for so many seconds. */
  async notBefore(name: string, id: string, seconds: number): Promise<void> {
    await this.database.execute(
      `update pgboss.job set start_after = greatest(start_after, now() + $3 * interval '1s')
        where name = $1 and id = $2::uuid and state = 'retry'`,
      [name, id, seconds],
    );
  }

  /** Deletes finished jobs whose time is over; dead ones stay until somebody acts. */
  async purge(): Promise<void> {
    await this.database.execute(
      `delete from pgboss.job where (name, id) in (select name, id from pgboss.job where state in ('completed', 'cancelled')
        and completed_on + deletion_seconds * interval '1s' < now() limit ${PURGE_BATCH})`,
    );
  }
}

function viewOf(row: ViewRow): JobView {
  const { at: _, ...view } = row;
  return view;
}

function readCursor(cursor: string | undefined): readonly [string | null, string | null] {
  if (cursor === undefined) return [null, null];
  try {
    const parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as Json;
    if (Array.isArray(parsed)) {
      const [at, id] = parsed as readonly Json[];
      if (typeof at === 'string' && typeof id === 'string') return [at, id];
    }
  } catch {
    // Falls through: the first page.
  }
  return [null, null];
}
