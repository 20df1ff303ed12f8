import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { KeyStore } from '#infra/content/content-store.js';
import { openFileKeyStore } from '#infra/crypto/file-key-store.js';
import type { KeyStoreOptions } from '#infra/crypto/key-store.js';
import { MasterKey } from '#infra/crypto/master-key.js';
import { openPostgresKeyStore } from '#infra/crypto/postgres-key-store.js';
import { openTestDatabase } from '#test/support/database.js';

export interface KeyStoreHome {
  readonly folder?: string;
  /** Opens the store again over the same place: after a restart, or as a second process. */
  open(masterKey?: MasterKey, options?: KeyStoreOptions): Promise<KeyStore>;
  remove(): Promise<void>;
}

export async function fileHome(): Promise<KeyStoreHome> {
  const folder = await mkdtemp(join(tmpdir(), 'keys-'));
  const own = new MasterKey(randomBytes(32));
  return {
    folder,
    open: (masterKey = own, options) => openFileKeyStore(folder, masterKey, options),
    remove: () => rm(folder, { recursive: true }),
  };
}

export async function postgresHome(): Promise<KeyStoreHome> {
  const { database, drop } = await openTestDatabase();
  const own = new MasterKey(randomBytes(32));
  return { open: (masterKey = own, options) => openPostgresKeyStore(database, masterKey, options), remove: drop };
}
