import { createHash } from 'node:crypto';
import type { EventLog, Position } from '#infra/event-log/event-log.js';
import { encodeLeaf } from './leaf.js';
import type { StoredCheckpoint } from './ledger-store.js';
import { Frontier, leafHash, sameBytes } from './merkle.js';
import { LOG_FILE_VERSION, type LogFileEnd, type LogFileEvent, type LogFileHeader } from './log-file.js';

/** The events read for an export are not those of the checkpoint; nothing of the file may be used. */
export class ExportContradicted extends Error {
  constructor() {
    super('the log is not the one that the checkpoint was signed for');
    this.name = 'ExportContradicted';
  }
}

export interface LogExport {
  readonly events: EventLog;
  /** The checkpoint to export up to: seal first, then `LedgerProofs.latestCheckpoint()`. */
  readonly checkpoint: StoredCheckpoint;
  readonly vkey: string;
  /** Called after each page with the number of events written. */
  readonly onProgress?: (done: number, total: number) => void;
}

const PAGE = 1_000;

/** Prints every event under the checkpoint with its stored bytes; throws ExportContradicted at the end if they are not its tree. */
export async function* exportLog(job: LogExport): AsyncGenerator<string, void, undefined> {
  const { events, checkpoint, vkey } = job;
  const digest = createHash('sha256');
  const print = (line: LogFileHeader | LogFileEvent | LogFileEnd): string => {
    const text = `${JSON.stringify(line)}\n`;
    digest.update(text);
    return text;
  };
  const tree = new Frontier();
  yield print({ kind: 'nexusrag-log', version: LOG_FILE_VERSION, log: events.log, vkey, events: checkpoint.size });
  let after: Position | null = null;
  while (tree.size < checkpoint.size) {
    const page = await events.readAll({ after, limit: Math.min(PAGE, checkpoint.size - tree.size) });
    if (page.events.length === 0) throw new ExportContradicted();
    for (const event of page.events) {
      tree.append(leafHash(encodeLeaf(events.log, event)));
      const { stream, revision, id, type, schemaVersion, raw, recordedAt } = event;
      yield print({ kind: 'event', stream, revision, id, type, schemaVersion, ...raw, recordedAt });
    }
    after = page.events.at(-1)?.position ?? after;
    job.onProgress?.(tree.size, checkpoint.size);
  }
  if (!sameBytes(tree.root(), checkpoint.root)) throw new ExportContradicted();
  const sha256 = digest.copy().digest('hex');
  yield print({ kind: 'end', events: tree.size, sha256, checkpoint: checkpoint.note });
}
