import { createHash, type Hash } from 'node:crypto';
import type { EventMetadata } from '#domain/kernel/events.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { EventLog, NewEvent, Position, StoredEvent } from '#infra/event-log/event-log.js';
import { encodeLeaf } from './leaf.js';
import {
  MalformedLogFile,
  logLines,
  parseLogLine,
  type LogFileEnd,
  type LogFileEvent,
  type LogFileHeader,
} from './log-file.js';
import { Frontier, leafHash, sameBytes } from './merkle.js';
import { parseCheckpoint, parseNote, parseVkey, verifiedBy } from './note.js';

export interface LogImport {
  /** Empty, or holding the beginning of the same history from an import that was cut off. */
  readonly target: EventLog;
  /** The file's bytes. */
  readonly source: AsyncIterable<Uint8Array | string>;
  /** The key that must have signed the trailing checkpoint; the header's own key when absent. */
  readonly vkey?: string;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ImportReport {
  readonly events: number;
  /** Events that the target held already. */
  readonly resumedAt: number;
  readonly checkpoint: string;
}

/** The target holds other events than the file's first ones, or wrote other bytes than the file's. */
export class ImportContradicted extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ImportContradicted';
  }
}

const MAX_RUN = 500;

/**
 * Appends the file's events in its order, under their ids and revisions, then reads the target back: its tree has the
 * root of the file's signed checkpoint, or this rejects (MalformedLogFile, ImportContradicted). Only `recordedAt` is new.
 */
export async function importLog(job: LogImport): Promise<ImportReport> {
  const digest = createHash('sha256');
  const lines = parsed(logLines(job.source), digest);
  const header = await headerOf(lines, job.target);
  const writer = new Writer(job, header.events);
  let end: LogFileEnd | undefined;
  for await (const line of lines) {
    if (end !== undefined || line.kind === 'nexusrag-log') throw new MalformedLogFile('lines out of order');
    if (line.kind === 'end') end = line;
    else await writer.add(line);
  }
  if (end === undefined) throw new MalformedLogFile('the file ends early');
  await writer.finish();
  checkEnd(end, digest.digest('hex'), header, writer.tree, job.vkey ?? header.vkey);
  await checkTarget(job.target, writer.tree);
  return { events: writer.tree.size, resumedAt: writer.resumedAt, checkpoint: end.checkpoint };
}

type Line = LogFileHeader | LogFileEvent | LogFileEnd;

async function* parsed(lines: AsyncIterable<string>, digest: Hash): AsyncGenerator<Line, void, undefined> {
  for await (const text of lines) {
    const line = parseLogLine(text);
    if (line.kind !== 'end') digest.update(`${text}\n`);
    yield line;
  }
}

async function headerOf(lines: AsyncGenerator<Line, void, undefined>, target: EventLog): Promise<LogFileHeader> {
  const first = await lines.next();
  if (first.done === true || first.value.kind !== 'nexusrag-log') throw new MalformedLogFile('no header');
  if (first.value.log !== target.log) throw new ImportContradicted(`a file of the ${first.value.log} log`);
  return first.value;
}

/** Skips what the target holds already, then appends runs of one stream, in order and one at a time. */
class Writer {
  readonly tree = new Frontier();
  resumedAt = 0;
  private run: LogFileEvent[] = [];
  private held: AsyncGenerator<StoredEvent, void, undefined> | undefined;

  constructor(
    private readonly job: LogImport,
    private readonly total: number,
  ) {
    this.held = allOf(job.target);
  }

  async add(event: LogFileEvent): Promise<void> {
    const leaf = leafOf(this.job.target, event);
    this.tree.append(leafHash(leaf));
    if (await this.isHeld(leaf)) return;
    const [first] = this.run;
    if (first !== undefined && (first.stream !== event.stream || this.run.length >= MAX_RUN)) await this.flush();
    this.run.push(event);
  }

  async finish(): Promise<void> {
    await this.flush();
    if (this.held !== undefined && (await this.held.next()).done !== true) {
      throw new ImportContradicted('the target holds more than the file');
    }
  }

  private async isHeld(leaf: Uint8Array): Promise<boolean> {
    const next = await this.held?.next();
    if (next === undefined || next.done === true) {
      this.held = undefined;
      return false;
    }
    if (!sameBytes(encodeLeaf(this.job.target.log, next.value), leaf)) {
      throw new ImportContradicted(`the target is not empty: it holds another event at ${next.value.position}`);
    }
    this.resumedAt += 1;
    return true;
  }

  private async flush(): Promise<void> {
    const [first] = this.run;
    if (first === undefined) return;
    const expected = first.revision === 0 ? 'no-stream' : { revision: first.revision - 1 };
    await this.job.target.append(first.stream, this.run.map(newEventOf), { expected });
    this.run = [];
    this.job.onProgress?.(this.tree.size, this.total);
  }
}

function newEventOf({ id, type, schemaVersion, data, metadata }: LogFileEvent): NewEvent {
  return { id, type, schemaVersion, data: objectOf(data), metadata: objectOf(metadata) as unknown as EventMetadata };
}

function leafOf(target: EventLog, event: LogFileEvent): Uint8Array {
  const { occurredAt } = objectOf(event.metadata);
  if (typeof occurredAt !== 'string') throw new MalformedLogFile('an event without occurredAt');
  const raw = { data: event.data, metadata: event.metadata };
  return encodeLeaf(target.log, { ...event, metadata: { occurredAt }, raw });
}

function objectOf(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    throw new MalformedLogFile('stored bytes are not JSON');
  }
}

function checkEnd(end: LogFileEnd, sha256: string, header: LogFileHeader, tree: Frontier, vkey: string): void {
  if (end.sha256 !== sha256) throw new MalformedLogFile('the digest is wrong');
  if (end.events !== tree.size || header.events !== tree.size) throw new MalformedLogFile('events are missing');
  const note = parseNote(end.checkpoint);
  const checkpoint = parseCheckpoint(note.text);
  if (verifiedBy(note, [parseVkey(vkey)])?.length !== 1) throw new ImportContradicted('the checkpoint is not signed');
  if (checkpoint.size !== tree.size || !sameBytes(checkpoint.root, tree.root())) {
    throw new ImportContradicted('the events are not those of the signed checkpoint');
  }
}

/** What counts is what a reader of the target sees. */
async function checkTarget(target: EventLog, tree: Frontier): Promise<void> {
  const read = new Frontier();
  for await (const event of allOf(target)) read.append(leafHash(encodeLeaf(target.log, event)));
  if (read.size !== tree.size || !sameBytes(read.root(), tree.root())) {
    throw new ImportContradicted('the target wrote other bytes than the file holds');
  }
}

async function* allOf(log: EventLog): AsyncGenerator<StoredEvent, void, undefined> {
  let after: Position | null = null;
  for (;;) {
    const page = await log.readAll({ after, limit: 1_000 });
    yield* page.events;
    after = page.events.at(-1)?.position ?? after;
    if (page.events.length === 0) return;
  }
}
