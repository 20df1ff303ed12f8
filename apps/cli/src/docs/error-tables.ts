import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ErrorRow } from '#domain/kernel/errors.js';

function isRow(value: unknown): value is ErrorRow {
  return typeof value === 'object' && value !== null && 'code' in value && 'kind' in value && 'title' in value;
}

function rowsOf(exported: unknown): readonly ErrorRow[] {
  if (typeof exported !== 'object' || exported === null) return [];
  return Object.values(exported).filter(isRow);
}

/** The source files under apps and libs that declare error rows, relative to `root`, without their extension. */
export async function filesWithErrors(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const part of ['apps', 'libs']) {
    const names = await readdir(join(root, part), { recursive: true });
    for (const name of names.filter((entry) => entry.endsWith('.ts') && !entry.endsWith('.spec.ts'))) {
      const path = join(part, name);
      if (/=\s*defineErrors\(/.test(await readFile(join(root, path), 'utf8'))) found.push(path.slice(0, -'.ts'.length));
    }
  }
  return found.sort();
}

/** Every row of the exported error tables in `files`, by area and code. */
export async function errorRowsOf(files: readonly string[]): Promise<readonly ErrorRow[]> {
  const rows = new Set<ErrorRow>();
  for (const file of files) {
    const exported = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
    for (const row of Object.values(exported).flatMap(rowsOf)) rows.add(row);
  }
  const order = (row: ErrorRow): string => `${row.area} ${row.code} ${row.name}`;
  return [...rows].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}
