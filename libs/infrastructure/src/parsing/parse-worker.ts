import { parentPort, workerData } from 'node:worker_threads';
import { CatalogueError } from '#domain/kernel/errors.js';
import { parseCsv } from './csv-parser.js';
import { parseDocx } from './docx-parser.js';
import { checkHead, HEAD_BYTES, isTextual } from './formats.js';
import { parseHtml } from './html-parser.js';
import { PartWriter, type Emit } from './part-writer.js';
import type { ParseTask, TextPart, WorkerMessage } from './parse-task.js';
import { parsingErrors, unreadable } from './parsing-errors.js';
import { parsePdf } from './pdf-parser.js';
import { parsePptx } from './pptx-parser.js';
import { Source } from './source.js';
import { parseJsonText, parseText } from './text-parser.js';
import { parseXlsx } from './xlsx-parser.js';

/** Reads one file in a thread of its own, and says what it found. */

const { task } = workerData as { readonly task: ParseTask };
const WINDOW = 4;
let unheard = 0;
let heard: (() => void) | undefined;

function say(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

async function send(parts: readonly TextPart[]): Promise<void> {
  say({ kind: 'parts', parts });
  unheard += 1;
  while (unheard >= WINDOW) await new Promise<void>((resolve) => (heard = resolve));
}

function read({ format, charset, limits }: ParseTask, source: Source, emit: Emit): Promise<void> {
  switch (format) {
    case 'text':
    case 'markdown':
      return parseText(source, charset, emit);
    case 'json':
      return parseJsonText(source, charset, emit);
    case 'html':
    case 'xhtml':
      return parseHtml(source, charset, emit, { xhtml: format === 'xhtml' });
    case 'csv':
      return parseCsv(source, charset, emit);
    case 'pdf':
      return parsePdf(source, limits, emit);
    case 'docx':
      return parseDocx(source, limits, emit);
    case 'xlsx':
      return parseXlsx(source, limits, emit);
    case 'pptx':
      return parsePptx(source, limits, emit);
  }
}

const ENCRYPTED_PACKAGE = Buffer.from('EncryptedPackage', 'utf16le');

const LOCKED_WITHIN = 8 * 1024 * 1024;

/** Office puts a locked document into a container of another kind. */
function refuseLocked(source: Source): void {
  const head = source.read(0, 65_536);
  if (!head.subarray(0, 4).equals(Buffer.from('d0cf11e0', 'hex'))) return;
  throw unreadable(
    head.includes(ENCRYPTED_PACKAGE) || source.read(0, LOCKED_WITHIN).includes(ENCRYPTED_PACKAGE)
      ? 'encrypted'
      : 'mistyped',
  );
}

async function main(): Promise<void> {
  const source = new Source(task.source);
  checkHead(source.read(0, HEAD_BYTES), task.format, task.charset);
  if (!isTextual(task.format)) refuseLocked(source);
  const endless = task.format === 'text' || task.format === 'markdown' || task.format === 'csv';
  const limits = endless ? { maxCharacters: Number.MAX_SAFE_INTEGER } : task.limits;
  const writer = new PartWriter(limits, send);
  await read(task, source, writer.emit);
  await writer.end();
}

parentPort?.on('message', () => {
  unheard -= 1;
  heard?.();
});

main()
  .then(() => say({ kind: 'end' }))
  .catch((error: unknown) => {
    const cause = error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 500) : 'unknown';
    const known = error instanceof CatalogueError && Object.values(parsingErrors).includes(error.row);
    say({
      kind: 'refused',
      problem: known ? error.row.name : error instanceof RangeError ? 'nested' : 'broken',
      cause,
    });
  })
  .finally(() => parentPort?.close());
