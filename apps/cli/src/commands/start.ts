import { once } from 'node:events';
import type { Command } from 'commander';
import { loadConfig, type Config } from '#infra/config/config.js';
import { createLogger, type Logger } from '#infra/telemetry/logger.js';
import { Client } from '../client.js';
import { lockDataDir, type DataDirLock } from '../data-dir.js';
import { UsageError } from '../operations/operation.js';
import { demoCorpusId, demoQuestion, demoTenantId } from '../seed/demo-documents.js';
import { seedDemo } from '../seed/seed.js';
import type { Role, RunningServer } from '../server.js';
import { VERSION } from '../version.js';

interface StartOptions {
  readonly roles: string;
  readonly seed: boolean;
  readonly json?: boolean;
}

export function startCommand(program: Command): void {
  program
    .command('start')
    .description('start the server: every role in one process, or those named')
    .option('--roles <roles>', 'api, projector or both, separated by a comma', 'api,projector')
    .option('--no-seed', 'do not bring the demo corpus and the demo admin key')
    .option('--json', 'print one line {"url", "api_key"} when it is ready')
    .addHelpText(
      'after',
      `
Where and on what it runs: PORT, HOST, DATA_DIR, DATABASE_URL, REDIS_URL, EVENTSTORE_URL (see docs/generated/configuration.md).
With nothing set, everything is kept in var/data and no other service is needed.
A second start on the same DATA_DIR is refused. SIGTERM and SIGINT drain streams, finish jobs and hand leases over.`,
    )
    .action((options: StartOptions) => start(options));
}

function rolesOf(text: string): readonly Role[] {
  const roles = text.split(',').map((role) => role.trim());
  for (const role of roles) {
    if (role !== 'api' && role !== 'projector') throw new UsageError(`--roles knows api and projector, not "${role}"`);
  }
  return roles as Role[];
}

async function start(options: StartOptions): Promise<void> {
  const roles = rolesOf(options.roles);
  const config = loadConfig();
  const logger = createLogger({ level: config.telemetry.LOG_LEVEL });
  const lock = lockDataDir(config.data.DATA_DIR);
  let server: RunningServer | undefined;
  try {
    // The server is loaded here, so that other commands do not pay for it.
    const { startServer } = await import('../server.js');
    server = await startServer({ config, roles, logger, version: VERSION });
    await announce(server, config, options, lock, roles);
    await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
    logger.info('stopping');
  } finally {
    await server?.stop();
    lock.release();
  }
}

async function announce(
  server: RunningServer,
  config: Config,
  options: StartOptions,
  lock: DataDirLock,
  roles: readonly Role[],
): Promise<void> {
  const { url, operatorToken, platform } = server;
  if (url === undefined) {
    const line = options.json === true ? JSON.stringify({ roles }) : `NexusRAG runs as ${roles.join(' and ')}.`;
    process.stdout.write(`${line}\n`);
    return;
  }
  lock.publish({ url, operatorToken });
  const apiKey = options.seed ? await seeded(url, operatorToken, server, config) : undefined;
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ url, api_key: apiKey ?? null })}\n`);
    return;
  }
  process.stdout.write(banner(url, apiKey));
  warnOfMemory(platform.options.log);
}

async function seeded(url: string, token: string, server: RunningServer, config: Config): Promise<string> {
  const { firstPlan, registerTenant } = await import('../operations/keys.js');
  const { startKey } = await import('../start-key.js');
  await registerTenant(server.platform, demoTenantId, 'Demo');
  for (const tenantId of new Set([demoTenantId, config.auth.OPERATOR_TENANT_ID]))
    await firstPlan(server.platform, tenantId, 'enterprise');
  const apiKey = await startKey(server.platform, config.data.DATA_DIR, demoTenantId);
  await seedDemo(new Client({ url, token, tenantId: demoTenantId }));
  return apiKey;
}

function banner(url: string, apiKey: string | undefined): string {
  if (apiKey === undefined) return `NexusRAG is ready at ${url}\n`;
  const body = JSON.stringify({ session_id: 's1', corpus_id: demoCorpusId, message: demoQuestion });
  return `NexusRAG is ready at ${url}

Admin key of tenant ${demoTenantId}: ${apiKey}

Ask the demo corpus:
  curl -N ${url}/v1/run -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' -d '${body}'
or
  npx nexusrag ask "${demoQuestion}"

API documentation: ${url}/v1/docs   Stop with Ctrl-C.
`;
}

function warnOfMemory(log: Pick<Logger, 'info'> | { info(message: string): void }): void {
  const { rss } = process.memoryUsage();
  const peak = process.resourceUsage().maxRSS;
  log.info(`resident ${Math.round(rss / 1_048_576)} MiB, peak ${Math.round(peak / 1_024)} MiB`);
}
