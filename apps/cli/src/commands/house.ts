import { join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '#infra/config/config.js';
import { outputOf, subcommand, type Common } from '../command.js';
import { findServer, lockDataDir } from '../data-dir.js';
import { exitCodesHelp } from '../exit-codes.js';
import { oneOf } from '../output.js';
import { demoTenantId } from '../seed/demo-documents.js';
import { seedDemo } from '../seed/seed.js';
import { withClient } from '../session.js';

export function migrateCommand(program: Command): void {
  subcommand(
    program,
    'migrate',
    'bring the durable tables of the database up to date',
    ['migrate', 'migrate --json'],
    'It works on DATABASE_URL, else on the embedded engine in DATA_DIR. `start` does this by itself. Read models have no migrations: projectors build them from their definitions.',
  ).action(async (options: Common) => {
    const output = outputOf(options);
    const { DATA_DIR: folder, DATABASE_URL: url } = loadConfig().data;
    if (url === undefined && findServer(folder) !== undefined) {
      output.item({ migrations: 0 });
      output.line(`the server that runs on ${folder} has migrated it`);
      return;
    }
    const { Database } = await import('#infra/database/database.js');
    const lock = url === undefined ? lockDataDir(folder) : undefined;
    try {
      const database = await Database.open(url === undefined ? { dataDir: join(folder, 'pg') } : { url: url.reveal() });
      const migrations = await database.migrate().finally(() => database.close());
      output.item({ migrations });
      output.line(migrations === 0 ? 'nothing to migrate' : `${migrations} migrations were run`);
    } finally {
      lock?.release();
    }
  });
}

export function seedCommand(program: Command): void {
  subcommand(
    program,
    'seed',
    'bring the demo: tenant t1, corpus c1, 3 documents, 10 chunks',
    ['seed'],
    'Safe to repeat. `start` does it too, unless --no-seed is given.',
  ).action(async (options: Common) => {
    const output = outputOf(options);
    const result = await withClient({}, async ({ client }) => {
      await oneOf(client().operation('tenants.register', { tenant: demoTenantId, name: 'Demo' }));
      return seedDemo(client(demoTenantId));
    });
    output.item(result);
    const { corpus, documents, chunks, alreadySeeded } = result;
    const what = `corpus ${corpus} of tenant ${demoTenantId}: ${documents} documents, ${chunks} chunks`;
    output.line(alreadySeeded ? `already seeded: ${what}` : `seeded ${what}`);
  });
}

export function exitCodesCommand(program: Command): void {
  program
    .command('exit-codes')
    .description('what the exit codes of every command mean')
    .addHelpText('after', `\nExit codes:\n${exitCodesHelp}`)
    .action(() => {
      process.stdout.write(`${exitCodesHelp}\n`);
    });
}
