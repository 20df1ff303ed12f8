import { createReadStream } from 'node:fs';
import { capabilities } from '#domain/capabilities/capabilities.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { recordBreaker } from './breaker-record.js';
import { corporaSource } from './corpora-source.js';
import type { Config } from '#infra/config/config.js';
import { MalformedLogFile } from '#infra/ledger/log-file.js';
import { ImportContradicted, importLog, type ImportReport } from '#infra/ledger/log-import.js';
import { Platform } from '#infra/platform/platform.js';
import { lockDataDir } from './data-dir.js';
import { UsageError } from './operations/operation.js';

export interface HistoryImport {
  readonly config: Config;
  readonly file: string;
  readonly vkey: string | undefined;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Appends the events of a file while nothing else runs on the data: a reaction that answered the first events would
 * append others between them. Throws DataDirInUse while a server lives, UsageError for a file or a log that does not fit.
 */
export async function importHistory({ config, file, vkey, onProgress }: HistoryImport): Promise<ImportReport> {
  const lock = lockDataDir(config.data.DATA_DIR);
  const source = createReadStream(file, { encoding: 'utf8', highWaterMark: 1_048_576 });
  let platform: Platform | undefined;
  try {
    platform = await Platform.open({
      config,
      capabilities,
      documentsView: `read.${documentRows.table}_v${documentRows.version}`,
      corpora: corporaSource,
      recordBreaker,
      log: { info: () => undefined, warn: () => undefined },
      onProblem: () => undefined,
    });
    return await importLog({ target: platform.log, source, onProgress, ...(vkey === undefined ? {} : { vkey }) });
  } catch (error) {
    if (error instanceof MalformedLogFile || error instanceof ImportContradicted) throw new UsageError(error.message);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new UsageError(`${file} does not exist`);
    throw error;
  } finally {
    source.destroy();
    await platform?.close();
    lock.release();
  }
}
