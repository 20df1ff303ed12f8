import { createHash } from 'node:crypto';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.mjs';

/** `npm run build`: compiles the product into `dist`. With `--if-changed` only when something is not as it was at the last build. */
const SOURCES = ['libs', 'apps', 'migrations'];
const OPTIONS = ['-d', 'dist', '--config-file', '.swcrc', '--ignore', '**/*.spec.ts', '--quiet'];
const STAMP = join('dist', '.built-from');

/** Stands for every source with its size and the time of its last change, and for what compiles them. */
async function state() {
  const folders = await Promise.all(SOURCES.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })));
  const paths = folders.flat().flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
  const hash = createHash('sha256');
  for (const path of [...paths.sort(), '.swcrc', 'package-lock.json']) {
    const { size, mtimeMs } = await stat(path);
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

const before = await state();
const isBuilt = (await readFile(STAMP, 'utf8').catch(() => '')) === before;
if (!process.argv.includes('--if-changed') || !isBuilt) {
  const { code, output } = await run('swc', [...SOURCES, ...OPTIONS]);
  if (code === 0) await writeFile(STAMP, before);
  else console.error(output.trimEnd());
  process.exitCode = code;
}
