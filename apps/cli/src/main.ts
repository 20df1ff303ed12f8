import 'reflect-metadata';
import { Command } from 'commander';
import { ConfigError } from '#infra/config/define-config.js';
import { ServerRefused } from './client.js';
import { startCommand } from './commands/start.js';
import { DataDirInUse } from './data-dir.js';
import { UsageError } from './operations/operation.js';
import { VERSION } from './version.js';

/** What the command ended with, for scripts. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, inUse: 3, refused: 4 } as const;

function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof ConfigError) return exitCodes.usage;
  if (error instanceof DataDirInUse) return exitCodes.inUse;
  if (error instanceof ServerRefused) return error.status === 422 ? exitCodes.usage : exitCodes.refused;
  return exitCodes.failed;
}

function messageOf(error: unknown): string {
  if (error instanceof ServerRefused) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

const program = new Command('nexusrag')
  .description('multi-tenant, streaming RAG whose every change of state is an event that can be replayed and proved')
  .version(VERSION)
  .showHelpAfterError('(add --help for the options)');

startCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`nexusrag: ${messageOf(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
