import type { Database } from './database.js';

const LOOK_MS = 3_000;

/** Blocks from which on a server's own autovacuum sees to a table; it looks once a minute, and a young table fills in seconds. */
const OLD_BLOCKS = 512;

/** A table of more is analysed for the first time. */
const FIRST_BLOCKS = 8;

/**
 * Detail of those statistics (100 is a server's own): 300 rows are read for each. It is to tell a full table from an empty one,
 * while the table is in use.
 */
const DETAIL = 20;

/** Tables that have grown since they were last analysed: to so many times their size, and no larger before than so many blocks. */
const grown = `
  select c.oid::regclass::text as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
     and pg_relation_size(c.oid) / current_setting('block_size')::int > greatest($1::float8 * c.relpages, ${FIRST_BLOCKS})
     and c.relpages < $2::int`;

/**
 * Analyses the tables that have grown, and gives their names. Without statistics the planner takes a full table for an empty
 * one, and any index of it for as good as the right one. Of a server only young tables, once they are four times their size: it counts their rows by
 * their blocks meanwhile. PGlite has no autovacuum.
 */
export async function analyseGrown(database: Database): Promise<readonly string[]> {
  const [times, most] = database.engine === 'postgres' ? [4, OLD_BLOCKS] : [1.5, 2 ** 31 - 1];
  const tables = await database.query<{ name: string }>(grown, [times, most]);
  // Another process may be at it.
  for (const { name } of tables) await analyse(database, name);
  return tables.map(({ name }) => name);
}

async function analyse(database: Database, table: string): Promise<void> {
  const work = async (): Promise<void> => {
    await database.execute(`set local default_statistics_target = ${DETAIL}`);
    await database.execute(`analyze (skip_locked) ${table}`);
  };
  await database.transaction(work, { durability: 'derived' });
}

/** Keeps the planner's statistics of growing tables fresh until the result is called. */
export function keepStatistics(database: Database, onError: (error: unknown) => void): () => Promise<void> {
  let running: Promise<unknown> | undefined;
  const look = (): void => {
    running ??= analyseGrown(database)
      .catch(onError)
      .finally(() => (running = undefined));
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
