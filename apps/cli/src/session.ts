import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig, type Config } from '#infra/config/config.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { Client, type ServerAddress } from './client.js';
import { DataDirInUse, findServer, lockDataDir, type DataDirLock } from './data-dir.js';
import { VERSION } from './version.js';

/** The way to a server for one command. */
export interface Session {
  /** False when the server was started for this command and ends with it. */
  readonly live: boolean;
  /** A client as the operator, in a tenant where one is given. Asks anew where the server is each time. */
  readonly client: (tenantId?: string) => Client;
}

export interface SessionOptions {
  readonly config?: Config;
  /** How long a folder may stay taken by a process that does not answer yet; 20,000 by default. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 20_000;

/**
 * Gives `work` a server: the one that lives on DATA_DIR, else one that runs in this process until `work` ends. Throws
 * DataDirInUse when another process has the folder and publishes no server.
 */
export async function withClient<T>(options: SessionOptions, work: (session: Session) => Promise<T>): Promise<T> {
  const config = options.config ?? loadConfig();
  const found = await reach(config, Date.now() + (options.patienceMs ?? PATIENCE_MS));
  if (found === 'live') return work(liveSession(config));
  return inProcess(config, found, work);
}

/** A live server, or the right to start one. A server that is just starting, or a short command, is waited for. */
async function reach(config: Config, deadline: number): Promise<'live' | DataDirLock | undefined> {
  const folder = config.data.DATA_DIR;
  for (;;) {
    if (findServer(folder) !== undefined) return 'live';
    // A database server takes several processes at once; only the embedded engine must have one owner.
    if (config.data.DATABASE_URL !== undefined) return undefined;
    try {
      return lockDataDir(folder);
    } catch (error) {
      if (!(error instanceof DataDirInUse) || Date.now() > deadline) throw error;
    }
    await delay(100);
  }
}

function liveSession(config: Config): Session {
  const folder = config.data.DATA_DIR;
  let known: Omit<ServerAddress, 'tenantId'> | undefined;
  return {
    live: true,
    client: (tenantId) => {
      const info = findServer(folder);
      // While a killed server is away, the old address gives the error that the caller's patience knows.
      known = info === undefined ? known : { url: info.url, token: info.operatorToken };
      if (known === undefined) throw new Error(`no server lives on ${folder} any more`);
      return new Client({ ...known, tenantId, header: config.auth.AUTH_API_KEY_HEADER });
    },
  };
}

/** Runs a server with both roles on a free port of the loopback while `work` runs. */
async function inProcess<T>(
  config: Config,
  lock: DataDirLock | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let stop: () => Promise<void> = () => Promise.resolve();
  const end = once(async () => {
    try {
      await stop();
    } finally {
      lock?.release();
    }
  });
  const stopListening = onSignals((code) => void end().finally(() => process.exit(code)));
  try {
    const { startServer } = await import('./server.js');
    const level = config.telemetry.LOG_LEVEL === 'info' ? 'error' : config.telemetry.LOG_LEVEL;
    const server = await startServer({
      config: { ...config, http: { ...config.http, PORT: 0, HOST: '127.0.0.1' } },
      roles: ['api', 'projector'],
      logger: createLogger({ level }),
      version: VERSION,
      ofCommand: true,
    });
    stop = () => server.stop();
    const { url, operatorToken: token } = server;
    if (url === undefined) throw new Error('the server has no address');
    // Other commands that are given meanwhile find this server too.
    lock?.publish({ url, operatorToken: token });
    const header = config.auth.AUTH_API_KEY_HEADER;
    return await work({ live: false, client: (tenantId) => new Client({ url, token, tenantId, header }) });
  } finally {
    await end();
    stopListening();
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let begun: Promise<void> | undefined;
  return () => (begun ??= work());
}

function onSignals(act: (exitCode: number) => void): () => void {
  const interrupt = (): void => act(130);
  const terminate = (): void => act(143);
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', terminate);
  return () => {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', terminate);
  };
}
