import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '#infra/config/config.js';
import type { KeyStore } from '#infra/content/content-store.js';
import { openFileKeyStore } from '#infra/crypto/file-key-store.js';
import { resolveMasterKey, type MasterKey } from '#infra/crypto/master-key.js';
import { openPostgresKeyStore } from '#infra/crypto/postgres-key-store.js';
import { Database } from '#infra/database/database.js';
import { isTransient } from '#infra/database/database-errors.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { RedisSharedState } from '#infra/shared-state/redis-shared-state.js';
import type { SharedState } from '#infra/shared-state/shared-state.js';
import { refuseLostKeys } from './lost-keys.js';

/** What starting says to the operator. */
export interface StartLog {
  info(message: string): void;
  warn(message: string): void;
}

export interface Stores {
  readonly database: Database;
  readonly keysDatabase: Database | undefined;
  readonly masterKey: MasterKey;
  readonly keys: KeyStore;
  readonly shared: SharedState;
  /** Rate buckets and quota counters, on a connection of their own: nothing else stands before them. */
  readonly rates: SharedState;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
const PATIENCE_MS = 60_000;

/** Repeats `open` with backoff while its store is not there yet, which `mayCome` tells of an error, for a minute at most. */
export async function waitFor<T>(
  what: string,
  log: StartLog,
  open: () => Promise<T>,
  mayCome: (error: unknown) => boolean = isTransient,
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
    try {
      return await open();
    } catch (error) {
      if (!mayCome(error) || Date.now() > deadline) throw error;
      log.warn(`${what} does not answer yet; trying again in ${wait} ms`);
      await delay(wait);
    }
  }
}

/** Opens everything that keeps state, migrated and ready. */
export async function openStores(config: Config, log: StartLog): Promise<Stores> {
  const { DATA_DIR: folder, DATABASE_URL: url } = config.data;
  const database = await waitFor('the database', log, () => openDatabase(config, url?.reveal(), folder));
  try {
    return await storesOver(database, config, log);
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function storesOver(database: Database, config: Config, log: StartLog): Promise<Stores> {
  const { DATA_DIR: folder } = config.data;
  const migrated = await database.migrate();
  if (migrated > 0) log.info(`${migrated} migrations were run`);
  const masterKey = await masterKeyOf(config, folder, log);
  const { keys, keysDatabase } = await openKeys(config, log, database, masterKey);
  try {
    if (!config.crypto.CRYPTO_ACCEPT_LOST_KEYS) await refuseLostKeys(database, keys);
  } catch (error) {
    await keys.close();
    await keysDatabase?.close();
    throw error;
  }
  return { database, keysDatabase, masterKey, keys, ...sharedStates(config) };
}

/** Longer than a busy process may keep its own answers waiting, so that only a store that is ill is taken for one. */
const RATES_TIMEOUT_MS = 1_000;

function sharedStates({ data, rateLimit, external }: Config): Pick<Stores, 'shared' | 'rates'> {
  const url = data.REDIS_URL?.reveal();
  if (url === undefined) return { shared: new MemorySharedState(), rates: new MemorySharedState() };
  const prefix = `${rateLimit.RL_REDIS_PREFIX}:`;
  const rates = new RedisSharedState({ url, prefix, name: 'nexusrag-rates', commandTimeoutMs: RATES_TIMEOUT_MS });
  return { shared: new RedisSharedState({ url, circuitPrefix: external.CB_REDIS_PREFIX }), rates };
}

async function masterKeyOf(config: Config, folder: string, log: StartLog): Promise<MasterKey> {
  const value = config.crypto.CRYPTO_LOCAL_MASTER_KEY;
  const file = join(folder, 'keys', 'master.key');
  if (value === undefined && existsSync(join(folder, 'keys', 'keys.jsonl')) && !existsSync(file)) {
    throw new Error(`${file} is gone, and with it all that it sealed: restore it from its copy`);
  }
  const { masterKey, generated } = await resolveMasterKey(value === undefined ? { file } : { value });
  if (generated) {
    log.warn(`a master key was generated in ${file}: keep a copy elsewhere, without it no content can be read`);
  }
  return masterKey;
}

async function openDatabase(config: Config, url: string | undefined, folder: string): Promise<Database> {
  if (url === undefined) {
    const dataDir = join(folder, 'pg');
    // Keys are made after the database, so their file tells that there was one.
    if (!existsSync(dataDir) && existsSync(join(folder, 'keys', 'keys.jsonl'))) {
      throw new Error(`${dataDir} is gone: restore it from its backup, or begin anew in another DATA_DIR`);
    }
    return Database.open({ dataDir });
  }
  const { data } = config;
  return Database.open(
    { url },
    {
      poolSize: data.API_DB_POOL_SIZE,
      busyConnections: data.API_DB_BUSY_CONNECTIONS,
      statementTimeoutMs: data.API_DB_STATEMENT_TIMEOUT_MS,
    },
  );
}

/** Subject keys have a database of their own, or a file of their own in embedded mode; without either they share the main one. */
async function openKeys(config: Config, log: StartLog, database: Database, masterKey: MasterKey) {
  const { DATA_DIR: folder, DATABASE_URL: url, KEYS_DATABASE_URL: keysUrl } = config.data;
  if (keysUrl !== undefined) {
    const open = (): Promise<Database> => Database.open({ url: keysUrl.reveal() }, { poolSize: 4 });
    const keysDatabase = await waitFor('the key database', log, open);
    return { keysDatabase, keys: await openPostgresKeyStore(keysDatabase, masterKey) };
  }
  if (url === undefined)
    return { keysDatabase: undefined, keys: await openFileKeyStore(join(folder, 'keys'), masterKey) };
  log.warn('KEYS_DATABASE_URL is not set: subject keys share the database, and its backups, with what they seal');
  return { keysDatabase: undefined, keys: await openPostgresKeyStore(database, masterKey) };
}
