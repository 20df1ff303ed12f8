import { join } from 'node:path';
import type { LogId } from '#infra/event-log/event-log.js';
import { readIfThere, replaceFile } from '#infra/files/durable-file.js';

/** The last head that was signed, and how often a break of history was acknowledged before it (timeline 1: never). */
export interface SignedHead {
  readonly timeline: number;
  /** The signed checkpoint note. */
  readonly note: string;
}

/** Keeps the last signed head of each log outside the database, so that who rewrites the one does not rewrite the other. */
export interface HeadStore {
  load(log: LogId): Promise<SignedHead | undefined>;
  /** Resolves once the head is durable. */
  save(log: LogId, head: SignedHead): Promise<void>;
  /** Keeps a head that an operator gave up, for whoever asks later. */
  archive(log: LogId, head: SignedHead): Promise<void>;
}

/** One file a log in a folder: fsync, then an atomic rename. */
export class FileHeadStore implements HeadStore {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async load(log: LogId): Promise<SignedHead | undefined> {
    const text = await readIfThere(this.pathOf(log));
    return text === undefined ? undefined : parseHead(text.toString('utf8'));
  }

  async save(log: LogId, head: SignedHead): Promise<void> {
    await this.write(this.pathOf(log), head);
  }

  async archive(log: LogId, head: SignedHead): Promise<void> {
    await this.write(join(this.folder, `${log}.t${head.timeline}.abandoned`), head);
  }

  private write(path: string, head: SignedHead): Promise<void> {
    return replaceFile(path, Buffer.from(`timeline ${head.timeline}\n${head.note}`));
  }

  private pathOf(log: LogId): string {
    return join(this.folder, `${log}.head`);
  }
}

function parseHead(text: string): SignedHead {
  const match = /^timeline ([1-9][0-9]*)\n/.exec(text);
  if (match === null) throw new Error('the head file of the ledger cannot be read');
  return { timeline: Number(match[1]), note: text.slice(match[0].length) };
}
