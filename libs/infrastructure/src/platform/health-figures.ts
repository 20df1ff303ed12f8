import type { Database } from '#infra/database/database.js';
import type { EventLog } from '#infra/event-log/event-log.js';

const SAMPLE = 200;
const MINUTE_MS = 60_000;

/** Where a log stands, whether it may be written, and how fast it was written in the last minute. */
export async function logFigures(log: EventLog) {
  const [newest, { epoch, frozen }] = await Promise.all([
    log.readAllBackwards({ before: null, limit: SAMPLE }),
    log.writerControl(),
  ]);
  const now = Date.now();
  const recent = newest.filter(({ recordedAt }) => Date.parse(recordedAt) > now - MINUTE_MS);
  const oldest = recent.at(-1);
  // A full sample within the minute spans less than it.
  const spanMs = recent.length === SAMPLE && oldest !== undefined ? now - Date.parse(oldest.recordedAt) : MINUTE_MS;
  return {
    head: newest[0]?.position ?? null,
    last_append_at: newest[0]?.recordedAt ?? null,
    appends_per_second: Math.round((recent.length / Math.max(1, spanMs)) * 100_000) / 100,
    epoch,
    frozen,
  };
}

/** Chunks and vectors, as the database estimates them: counting takes too long where there are many. */
export async function retrievalFigures(database: Database) {
  const rows = await database.query<{ kind: string; rows: number }>(
    `select case when c.relname = 'chunk' then 'chunks' else 'vectors' end as kind,
            sum(greatest(c.reltuples, 0))::float8 as rows
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'retrieval' and c.relkind = 'r' and (c.relname = 'chunk' or c.relname like 'vector%')
      group by 1`,
  );
  const of = (kind: string): number => rows.find((row) => row.kind === kind)?.rows ?? 0;
  return { chunks_estimated: of('chunks'), vectors_estimated: of('vectors') };
}

/** Idempotency keys: all, those whose first request is under way, and those that wait to be removed. */
export async function idempotencyFigures(database: Database) {
  const [row] = await database.query<{ keys: number; pending: number; oldest: number | null; expired: number }>(
    `select count(*)::int as keys, (count(*) filter (where status is null))::int as pending,
            (extract(epoch from now() - min(created_at) filter (where status is null)))::float8 as oldest,
            (count(*) filter (where expires_at < now()))::int as expired
       from idempotency.claim`,
  );
  const { keys = 0, pending = 0, oldest = null, expired = 0 } = row ?? {};
  return { keys, pending, oldest_pending_seconds: oldest, expired_not_removed: expired };
}

/** When the jobs of a name prefix, which run by the clock, last ended well, and how many wait for an operator. */
export async function scheduledFigures(database: Database, prefix: string) {
  const rows = await database.query<{ name: string; done_at: Date | null; dead: number }>(
    `select name, max(completed_on) filter (where state = 'completed') as done_at,
            (count(*) filter (where state = 'failed'))::int as dead
       from pgboss.job where name like $1 || '%' group by 1 order by 1`,
    [prefix],
  );
  const ends = rows.flatMap(({ done_at }) => (done_at === null ? [] : [done_at.getTime()]));
  return {
    last_run_at: ends.length === 0 ? null : new Date(Math.max(...ends)).toISOString(),
    dead: rows.reduce((sum, { dead }) => sum + dead, 0),
    last_by_job: Object.fromEntries(rows.map(({ name, done_at }) => [name, done_at?.toISOString() ?? null])),
  };
}
