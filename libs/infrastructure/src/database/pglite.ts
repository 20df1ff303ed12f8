import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PGlite } from '@electric-sql/pglite';
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
    extensions: { vector },
  });
  await lite.waitReady;
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

async function prepareFolder(folder: string): Promise<void> {
  if (existsSync(join(folder, 'PG_VERSION'))) return;
  await mkdir(folder, { recursive: true });
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const script = ['--input-type=module', '-e', initScript, resolve(folder)];
  await promisify(execFile)(process.execPath, script, { cwd });
}
