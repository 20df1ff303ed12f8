import 'reflect-metadata';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '#infra/config/define-config.js';
import { ServerRefused } from './client.js';
import { askCommand } from './commands/ask.js';
import { documentsCommands } from './commands/documents.js';
import { evalCommand } from './commands/eval.js';
import { eventsCommands, logCommands } from './commands/events.js';
import { exitCodesCommand, migrateCommand, seedCommand } from './commands/house.js';
import { indexCommands } from './commands/search-index.js';
import { jobsCommands } from './commands/jobs.js';
import { keysCommands, personsCommands } from './commands/keys.js';
import { ledgerCommands } from './commands/ledger.js';
import { projectionsCommands } from './commands/projections.js';
import { providerCommands } from './commands/providers.js';
import { startCommand } from './commands/start.js';
import { DataDirInUse } from './data-dir.js';
import { exitCodes } from './exit-codes.js';
import { UsageError } from './operations/operation.js';
import { VERSION } from './version.js';

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof UsageError || error instanceof ConfigError) return exitCodes.usage;
  if (error instanceof DataDirInUse) return exitCodes.inUse;
  if (error instanceof ServerRefused) return error.status === 422 ? exitCodes.usage : exitCodes.refused;
  return exitCodes.failed;
}

function messageOf(error: unknown): string {
  if (error instanceof ServerRefused && error.code !== 'OPERATION_USAGE') return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

const program = new Command('nexusrag')
  .description('multi-tenant, streaming RAG whose every change of state is an event that can be replayed and proved')
  .version(VERSION)
  .showHelpAfterError('(add --help for the options)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Every command talks to the server that runs on DATA_DIR (var/data by default), and runs one for itself when none does.
Begin with: nexusrag start`,
  );

startCommand(program);
migrateCommand(program);
seedCommand(program);
askCommand(program);
documentsCommands(program);
evalCommand(program);
keysCommands(program);
personsCommands(program);
projectionsCommands(program);
eventsCommands(program);
logCommands(program);
ledgerCommands(program);
indexCommands(program);
jobsCommands(program);
providerCommands(program);
exitCodesCommand(program);

// A reader such as `head` that has enough ends the command without noise.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? 0 : exitCodes.failed),
);

try {
  await program.parseAsync();
} catch (error) {
  // Commander has said what was wrong already.
  if (!(error instanceof CommanderError)) process.stderr.write(`nexusrag: ${messageOf(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
