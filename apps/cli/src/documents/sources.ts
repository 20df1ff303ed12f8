import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join, relative, sep } from 'node:path';
import type { JsonObject } from '#domain/kernel/schema.js';
import { linesOf } from '#infra/parsing/line-file.js';
import { indexedText } from '#infra/retrieval/evaluation.js';
import { UsageError } from '../operations/operation.js';

/** A document to add: its text as it stands in JSON lines, or the bytes of a file. */
export type SourceDocument = {
  readonly documentId: string;
  /** Where it comes from, for messages: a path, or a path and a line. */
  readonly origin: string;
} & (
  | { readonly text: string; readonly filename: string; readonly metadata: JsonObject }
  | { readonly bytes: Buffer; readonly filename: string; readonly contentType: string }
);

/** Something that is no document; `null` when it is an empty file. */
export interface Unreadable {
  readonly origin: string;
  readonly problem: string | null;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.markdown': 'text/markdown',
  '.json': 'application/json',
};
const lineFiles = ['.jsonl', '.ndjson'];

interface File {
  readonly path: string;
  /** What the id is made from: the path below the folder that was named, else the file's name. */
  readonly name: string;
}

/** The files that the paths name, folders recursively, in the order of their names. Throws UsageError for a wrong path. */
export async function filesOf(paths: readonly string[]): Promise<readonly File[]> {
  const files: File[] = [];
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) throw new UsageError(`${path} does not exist`);
    if (found.isDirectory()) files.push(...(await filesBelow(path)));
    else if (isKnown(path)) files.push({ path, name: basename(path) });
    else throw new UsageError(`${path} is none of ${[...Object.keys(contentTypes), ...lineFiles].join(', ')}`);
  }
  return files;
}

const isKnown = (path: string): boolean => {
  const extension = extname(path).toLowerCase();
  return extension in contentTypes || lineFiles.includes(extension);
};

async function filesBelow(folder: string): Promise<File[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && isKnown(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path, name: relative(folder, path).split(sep).join('/') }));
}

const isLines = ({ path }: File): boolean => lineFiles.includes(extname(path).toLowerCase());

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
  const contentType = contentTypes[extname(path).toLowerCase()] ?? 'text/plain';
  try {
    const bytes = await readFile(path);
    if (bytes.length === 0) return { origin: path, problem: null };
    return { documentId: documentIdOf(name), origin: path, bytes, filename: basename(path), contentType };
  } catch (error) {
    return { origin: path, problem: error instanceof Error ? error.message : String(error) };
  }
}

async function* documentsOfLines({ path, name }: File): AsyncGenerator<SourceDocument | Unreadable> {
  for await (const { number, text } of linesOf(path)) yield documentOfLine(text, name, `${path}:${number}`);
}

function documentOfLine(line: string, filename: string, origin: string): SourceDocument | Unreadable {
  try {
    const value = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const id = idIn(value);
    if (id === undefined) return { origin, problem: 'the line has no id' };
    const { text, metadata = {} } = value;
    if (typeof text !== 'string') return { origin, problem: 'the line has no text' };
    const title = textIn(value['title']);
    const whole = indexedText({ title, text });
    const more = { ...(title === '' ? {} : { title }), ...(metadata as JsonObject) };
    return { documentId: documentIdOf(id), origin, filename, text: whole, metadata: more };
  } catch {
    return { origin, problem: 'the line is not JSON' };
  }
}

function idIn(value: Readonly<Record<string, unknown>>): string | undefined {
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
