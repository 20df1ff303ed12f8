import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ErrorRow } from '#domain/kernel/errors.js';
import { sourceFiles } from './source-files.js';

function isRow(value: unknown): value is ErrorRow {
  return typeof value === 'object' && value !== null && 'code' in value && 'kind' in value && 'title' in value;
}

function rowsOf(exported: unknown): readonly ErrorRow[] {
  if (typeof exported !== 'object' || exported === null) return [];
  return Object.values(exported).filter(isRow);
}

/** Every row of every error table that a source file exports, by area and code. */
export async function errorRows(root: string, compiled: (source: string) => string): Promise<readonly ErrorRow[]> {
  const rows = new Set<ErrorRow>();
  for (const source of await sourceFiles(root)) {
    if (!/=\s*defineErrors\(/.test(await readFile(join(root, `${source}.ts`), 'utf8'))) continue;
    const exported = (await import(pathToFileURL(compiled(source)).href)) as Readonly<Record<string, unknown>>;
    for (const row of Object.values(exported).flatMap(rowsOf)) rows.add(row);
  }
  const order = (row: ErrorRow): string => `${row.area} ${row.code} ${row.name}`;
  return [...rows].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}
