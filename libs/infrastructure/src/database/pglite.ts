import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { vector } from '@electric-sql/pglite-pgvector';

export interface PgliteHandle {
  /** Connection options for node-postgres. */
  readonly config: object;
  dump(): Promise<Blob>;
  close(): Promise<void>;
}

/** Opens an embedded Postgres. A new folder is initialised in a child process, whose peak memory ends with it. */
export async function openPglite(target: { dataDir: string } | { memory: true; from?: Blob }): Promise<PgliteHandle> {
  if ('dataDir' in target) await prepareFolder(target.dataDir);
  const lite = new PGlite({
    ...('dataDir' in target ? { dataDir: target.dataDir } : {}),
    ...('from' in target && target.from !== undefined ? { loadDataDir: target.from } : {}),
    extensions: { vector, pg_trgm },
  });
  try {
    await lite.waitReady;
  } catch (cause) {
    const what = 'dataDir' in target ? `the embedded database in ${target.dataDir}` : 'an embedded database';
    throw new Error(`${what} cannot be opened: its files are damaged; restore the folder from a backup`, { cause });
  }
  return {
    config: createPgConfig(lite),
    dump: () => lite.dumpDataDir('none'),
    close: () => lite.close(),
  };
}

const initScript = `
const [, folder] = process.argv;
const { PGlite } = await import(${JSON.stringify(import.meta.resolve('@electric-sql/pglite'))});
const lite = new PGlite({ dataDir: folder });
await lite.waitReady;
await lite.close();
`;

/** Made beside and renamed, so that a folder of its name is whole, whenever the process ended. */
async function prepareFolder(folder: string): Promise<void> {
  if (existsSync(join(folder, 'PG_VERSION'))) return;
  const found = await readdir(folder).catch(() => []);
  if (found.length > 0) {
    throw new Error(
      `${folder} has no PG_VERSION: it is no embedded database, or a damaged one; restore it from a backup`,
    );
  }
  const target = resolve(folder);
  const parent = dirname(target);
  await mkdir(parent, { recursive: true });
  const unfinished = (await readdir(parent)).filter((name) => name.startsWith(`${basename(target)}.new-`));
  for (const name of unfinished) await rm(join(parent, name), { recursive: true, force: true });
  // The child of a process that was killed may still be writing to its own.
  const beside = await mkdtemp(`${target}.new-`);
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const script = ['--input-type=module', '-e', initScript, beside];
  await promisify(execFile)(process.execPath, script, { cwd });
  await rename(beside, target);
}
