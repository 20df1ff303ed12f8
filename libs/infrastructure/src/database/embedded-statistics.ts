import type { Database } from './database.js';

const LOOK_MS = 3_000;

/** Tables that have grown by half since they were last analysed; PGlite has no autovacuum that would see to them. */
const grown = `
  select c.oid::regclass::text as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
     and pg_relation_size(c.oid) / current_setting('block_size')::int > 1.5 * greatest(c.relpages, 4)`;

/** Analyses the tables that have grown; gives their names. Without statistics the planner takes a full table for an empty one. */
export async function analyseGrown(database: Database): Promise<readonly string[]> {
  const tables = await database.query<{ name: string }>(grown);
  for (const { name } of tables) await database.execute(`analyze ${name}`);
  return tables.map(({ name }) => name);
}

/** Keeps the planner's statistics of an embedded database fresh until the result is called; does nothing on a server. */
export function keepStatistics(database: Database, onError: (error: unknown) => void): () => Promise<void> {
  if (database.engine !== 'pglite') return () => Promise.resolve();
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
