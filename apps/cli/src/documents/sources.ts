import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join, relative, sep } from 'node:path';
import type { JsonObject } from '#domain/kernel/schema.js';
import { typesOfFiles } from '#infra/parsing/formats.js';
import { linesOf } from '#infra/parsing/line-file.js';
import { indexedText } from '#infra/retrieval/evaluation.js';
import { UsageError } from '../operations/operation.js';

/** A document to add: its text as it stands in JSON lines, or a file. */
export type SourceDocument = {
  readonly documentId: string;
  /** Where it comes from, for messages: a path, or a path and a line. */
  readonly origin: string;
} & (
  | { readonly text: string; readonly filename: string; readonly metadata: JsonObject }
  | { readonly path: string; readonly filename: string; readonly contentType: string }
);

/** Something that is no document; `null` when it is an empty file. */
export interface Unreadable {
  readonly origin: string;
  readonly problem: string | null;
}

/** What a folder holds and nobody reads. */
export interface Skipped {
  readonly origin: string;
  readonly reason: string;
}

const lineFiles = ['.jsonl', '.ndjson'];

/** The extensions of the files that are taken. */
export const knownExtensions: readonly string[] = [...typesOfFiles.keys(), ...lineFiles];

interface File {
  readonly path: string;
  /** What the id is made from: the path below the folder that was named, else the file's name. */
  readonly name: string;
}

export interface Found {
  readonly files: readonly File[];
  readonly skipped: readonly Skipped[];
}

/** The files that the paths name, folders recursively, in the order of their names. Throws UsageError for a wrong path. */
export async function filesOf(paths: readonly string[]): Promise<Found> {
  const files: File[] = [];
  const skipped: Skipped[] = [];
  for (const path of paths) {
    const named = await stat(path).catch(() => undefined);
    if (named === undefined) throw new UsageError(`${path} does not exist`);
    if (named.isDirectory()) await addBelow(path, path, files, skipped);
    else if (knownExtensions.includes(extensionOf(path))) files.push({ path, name: basename(path) });
    else throw new UsageError(`${path} is none of ${knownExtensions.join(', ')}`);
  }
  return { files, skipped };
}

const extensionOf = (path: string): string => extname(path).toLowerCase();

async function addBelow(folder: string, top: string, files: File[], skipped: Skipped[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    const reason = reasonToSkip(entry);
    if (reason !== undefined) skipped.push({ origin: path, reason });
    else if (entry.isDirectory()) await addBelow(path, top, files, skipped);
    else files.push({ path, name: relative(top, path).split(sep).join('/') });
  }
}

/** Why something in a folder is left out, unless it is named itself. */
function reasonToSkip(entry: Dirent): string | undefined {
  if (entry.name.startsWith('.')) return 'hidden';
  if (entry.isDirectory()) return entry.name === 'node_modules' ? 'installed packages' : undefined;
  if (entry.isSymbolicLink()) return 'a link';
  if (!entry.isFile()) return 'not a file';
  const extension = extensionOf(entry.name);
  if (knownExtensions.includes(extension)) return undefined;
  return extension === '' ? 'files without an extension are not read' : `${extension} is not read`;
}

const isLines = ({ path }: File): boolean => lineFiles.includes(extensionOf(path));

/** How many documents the files hold. */
export async function countDocuments(files: readonly File[]): Promise<number> {
  let count = 0;
  for (const file of files) {
    if (!isLines(file)) count += 1;
    else for await (const _ of linesOf(file.path)) count += 1;
  }
  return count;
}

/** The documents of the files, one after the other; large sets never stand in memory at once. */
export async function* readDocuments(files: readonly File[]): AsyncGenerator<SourceDocument | Unreadable> {
  for (const file of files) {
    if (isLines(file)) yield* documentsOfLines(file);
    else yield await documentOfFile(file);
  }
}

async function documentOfFile({ path, name }: File): Promise<SourceDocument | Unreadable> {
  const contentType = typesOfFiles.get(extensionOf(path)) ?? 'text/plain';
  try {
    if ((await stat(path)).size === 0) return { origin: path, problem: null };
    return { documentId: documentIdOf(name), origin: path, path, filename: basename(path), contentType };
  } catch (error) {
    return { origin: path, problem: error instanceof Error ? error.message : String(error) };
  }
}

async function* documentsOfLines({ path, name }: File): AsyncGenerator<SourceDocument | Unreadable> {
  for await (const { number, text } of linesOf(path)) yield documentOfLine(text, name, `${path}:${number}`);
}

function documentOfLine(line: string, filename: string, origin: string): SourceDocument | Unreadable {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { origin, problem: 'the line is not JSON' };
  }
  if (!isObject(value)) return { origin, problem: 'the line is no JSON object' };
  const id = idIn(value);
  if (id === undefined) return { origin, problem: 'the line has no id' };
  const { text } = value;
  if (typeof text !== 'string') return { origin, problem: 'the line has no text' };
  const metadata = value['metadata'] ?? {};
  if (!isObject(metadata)) return { origin, problem: 'the metadata of the line is no JSON object' };
  const title = textIn(value['title']);
  const whole = indexedText({ title, text });
  const more = { ...(title === '' ? {} : { title }), ...metadata };
  return { documentId: documentIdOf(id), origin, filename, text: whole, metadata: more };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function idIn(value: JsonObject): string | undefined {
  const id = value['document_id'] ?? value['id'] ?? value['_id'];
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
}

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

/** An id as the API takes it; one that had to be changed keeps apart from others by a digest of the original. */
export function documentIdOf(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._:@-]{0,255}$/.test(id)) return id;
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 8);
  const safe = id
    .replaceAll('/', ':')
    .replaceAll(/[^A-Za-z0-9._:@-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 240);
  return safe === '' ? digest : `${safe}-${digest}`;
}
