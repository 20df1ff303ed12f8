import type { Command } from 'commander';
import { ServerRefused } from '../client.js';
import { group, outputOf, subcommand, tenantIdIn, wholeNumber, type Common } from '../command.js';
import { Ingestion, type IngestionReport } from '../documents/ingestion.js';
import { countDocuments, filesOf, knownExtensions, readDocuments, type Skipped } from '../documents/sources.js';
import { exitCodes } from '../exit-codes.js';
import { note, oneOf, paint, Progress, type Output } from '../output.js';
import { patiently } from '../patience.js';
import { demoCorpusId, demoTenantId } from '../seed/demo-documents.js';
import { withClient, type Session } from '../session.js';

interface AddOptions extends Common {
  readonly corpus: string;
  readonly tenant: string;
  readonly overwrite?: boolean;
  readonly concurrency: number;
  readonly wait: boolean;
  readonly patience: number;
}

const formats = `${knownExtensions.slice(0, -1).join(', ')} and ${knownExtensions.at(-1) ?? ''}`;

export function documentsCommands(program: Command): void {
  const documents = group(program, 'documents', 'documents of a corpus');
  subcommand(
    documents,
    'add <path...>',
    'add files, folders or JSON lines of documents to a corpus',
    [
      'documents add notes.md reports/ --corpus c1',
      'documents add corpus.jsonl --corpus papers --tenant t1',
      'documents add corpus.jsonl --overwrite --json',
    ],
    `Files: ${formats}.
A JSON file is {"text": …}; JSON lines are a document each: {"_id" or "id" or "document_id", "title", "text",
"metadata"}. Of a folder, links and other files are skipped, and what is hidden or in node_modules unless that is named;
each is told of. The corpus is made when it is not there. Known documents are not sent again, so a broken run is simply
repeated; a server that is killed and started again meanwhile is waited for. Ends with 1 when a document failed.`,
  )
    .option('--corpus <id>', 'the corpus', demoCorpusId)
    .option('--tenant <id>', 'the tenant', tenantIdIn, demoTenantId)
    .option('--overwrite', 'ingest known documents anew')
    .option('--concurrency <n>', 'calls at one time', wholeNumber(1, 256), 16)
    .option('--no-wait', 'end when all documents are handed in, not when they are ingested')
    .option('--patience <seconds>', 'how long to wait for a server that went away', wholeNumber(1, 86_400), 60)
    .action((paths: string[], options: AddOptions) => add(paths, options));
}

async function add(paths: readonly string[], options: AddOptions): Promise<void> {
  const output = outputOf(options);
  const started = Date.now();
  const { files, skipped } = await filesOf(paths);
  const total = await countDocuments(files);
  const report = await withClient({}, async (session) => {
    const { tenant: tenantId, corpus: corpusId, wait } = options;
    await patiently(session, { ms: options.patience * 1_000, tenantId }, () =>
      ensureCorpus(session, tenantId, corpusId),
    );
    return ingest(session, readDocuments(files), total, {
      tenantId,
      corpusId,
      wait,
      overwrite: options.overwrite === true,
      concurrency: options.concurrency,
      patienceMs: options.patience * 1_000,
    });
  });
  const seconds = (Date.now() - started) / 1_000;
  output.item({ ...report, skipped, seconds });
  showSkipped(output, skipped);
  show(output, report, seconds);
  if (report.failed > 0 || report.gaveUp !== null) process.exitCode = exitCodes.failed;
}

/** Hands the documents in with a progress bar. */
export async function ingest(
  session: Session,
  documents: ReturnType<typeof readDocuments>,
  total: number,
  options: Omit<ConstructorParameters<typeof Ingestion>[1], 'onProgress' | 'onAway'>,
): Promise<IngestionReport> {
  const bar = new Progress('documents');
  try {
    return await new Ingestion(session, {
      ...options,
      onProgress: ({ submitted, known, succeeded, failed, empty }) =>
        bar.show(
          empty + failed + (options.wait ? succeeded : submitted + known),
          total,
          `${submitted + known} handed in`,
        ),
      onAway: (away) => {
        bar.end();
        note(away ? 'the server went away; waiting for it' : 'the server is back');
      },
    }).run(documents);
  } finally {
    bar.end();
  }
}

/** Makes the corpus when it is not there. */
export async function ensureCorpus(session: Session, tenantId: string, corpusId: string): Promise<void> {
  await oneOf(session.client().operation('tenants.register', { tenant: tenantId }));
  try {
    const body = { id: corpusId, name: corpusId, provider_config_json: {} };
    await session.client(tenantId).call('POST', '/v1/corpora', body);
  } catch (error) {
    if (!(error instanceof ServerRefused && error.status === 409)) throw error;
  }
}

const SHOWN = 20;

function showSkipped(output: Output, skipped: readonly Skipped[]): void {
  for (const { origin, reason } of skipped.slice(0, SHOWN)) output.line(`skipped  ${origin}: ${reason}`);
  if (skipped.length > SHOWN) output.line(`… and ${skipped.length - SHOWN} more; --json lists all`);
  if (skipped.length > 0) output.line(`${skipped.length} files or folders were skipped`);
}

function show(output: Output, report: IngestionReport, seconds: number): void {
  const { submitted, known, succeeded, failed, empty, failures, open, gaveUp } = report;
  for (const { origin, document_id: id, reason } of failures.slice(0, SHOWN)) {
    output.line(`${paint('red', 'failed')}  ${origin}${id === null ? '' : ` (${id})`}: ${reason}`);
  }
  if (failures.length > SHOWN) output.line(`… and ${failures.length - SHOWN} more; --json lists all`);
  output.line(
    `submitted ${submitted}, known ${known}, succeeded ${succeeded}, failed ${failed} in ${seconds.toFixed(1)} s`,
  );
  if (empty > 0) output.line(`${empty} empty files were left out`);
  if (open > 0) output.line(`${open} are still being ingested`);
  if (gaveUp !== null) output.line(paint('red', `${gaveUp}; run the same command again to go on`));
}
