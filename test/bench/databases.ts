import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { Database } from '#infra/database/database.js';
import { round } from './report.js';

/** Databases of one bench run on a server; all are dropped at its end. */
export class BenchDatabases {
  private readonly names: string[] = [];

  constructor(private readonly serverUrl: string) {}

  /** Makes an empty or a migrated database and gives its URL. */
  async make({ migrated }: { readonly migrated: boolean }): Promise<string> {
    const name = `nexusrag_bench_${randomUUID().replaceAll('-', '')}`;
    await this.onServer((client) => client.query(`create database ${name}`));
    this.names.push(name);
    const url = new URL(this.serverUrl);
    url.pathname = `/${name}`;
    if (migrated) {
      const database = await Database.open({ url: url.href });
      await database.migrate();
      await database.close();
    }
    return url.href;
  }

  async dropAll(): Promise<void> {
    for (const name of this.names.splice(0)) {
      await this.onServer((client) => client.query(`drop database if exists ${name} with (force)`));
    }
  }

  async describe(): Promise<{ version: string; settings: string }> {
    return this.onServer(async (client) => {
      const shown = ['fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size'];
      const { rows } = await client.query<{ version: string; settings: string }>(
        `select current_setting('server_version') as version,
                string_agg(n || '=' || current_setting(n), ' ' order by n) as settings from unnest($1::text[]) n`,
        [shown],
      );
      return rows[0] ?? { version: '?', settings: '?' };
    });
  }

  private async onServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: this.serverUrl });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }
}

/** Runs `work` and gives the CPU milliseconds that this process, this database's backends and the product's process used meanwhile. */
export async function cpuOf<T>(
  databaseUrl: string,
  work: () => Promise<T>,
  productPid?: number,
): Promise<{ result: T; clientMs: number; serverMs: number; productMs: number }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const backends = async (): Promise<Map<number, number>> => {
      const { rows } = await client.query<{ pid: number }>(
        'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      return millisOf(
        rows.map(({ pid }) => pid),
        'postgres',
      );
    };
    const product = async (pid = NaN): Promise<number> => (await millisOf([pid])).get(pid) ?? 0;
    const before = await backends();
    const productBefore = await product(productPid);
    const started = process.cpuUsage();
    const result = await work();
    const { user, system } = process.cpuUsage(started);
    const productMs = (await product(productPid)) - productBefore;
    const after = await backends();
    const serverMs = [...after].reduce((sum, [pid, millis]) => sum + millis - (before.get(pid) ?? 0), 0);
    return { result, clientMs: (user + system) / 1_000, serverMs, productMs };
  } finally {
    await client.end();
  }
}

const TICK_MS = 10;

/** User and system time of processes by id, of all or of those of a name (proc(5), fields 2, 14 and 15); empty where they are not on this machine. */
async function millisOf(pids: readonly number[], name?: string): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  const here = new Set(await readdir('/proc').catch(() => []));
  for (const pid of pids) {
    if (!here.has(String(pid))) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (stat === '' || (name !== undefined && !stat.includes(`(${name})`))) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    found.set(pid, (Number(fields[11]) + Number(fields[12])) * TICK_MS);
  }
  return found;
}

/** Columns for CPU milliseconds an operation: they move far less with what else the machine does than operations a second. */
export function cpuColumns(
  {
    clientMs,
    serverMs,
    productMs,
  }: { readonly clientMs: number; readonly serverMs: number; readonly productMs: number },
  operations: number,
): { readonly 'product ms': number; readonly 'server ms': number; readonly 'client ms': number } {
  return {
    'product ms': round(productMs / operations),
    'server ms': round(serverMs / operations),
    'client ms': round(clientMs / operations),
  };
}

export const CPU_NOTE =
  'product, server and client ms: CPU an operation of the product, of the backends of its database, of the load.';
