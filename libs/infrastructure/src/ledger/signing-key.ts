import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createFile, readIfThere } from '#infra/files/durable-file.js';

/** Where the ledger's Ed25519 private key lives. */
export interface SigningKeyStore {
  /** The key, made at the first call of all. Rejects when it cannot be read or is of another kind. */
  load(): Promise<KeyObject>;
}

/** A key given as PKCS #8 PEM, e.g. from a secret; throws when it is no Ed25519 key. */
export class GivenSigningKey implements SigningKeyStore {
  private readonly key: KeyObject;

  constructor(pem: string) {
    this.key = readKey(pem, 'the signing key that was given');
  }

  load(): Promise<KeyObject> {
    return Promise.resolve(this.key);
  }
}

/** A PKCS #8 PEM file of mode 600, made at first use; two processes that start at once end up with the same key. */
export class FileSigningKey implements SigningKeyStore {
  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async load(): Promise<KeyObject> {
    const found = await readIfThere(this.path);
    if (found !== undefined) return readKey(found.toString('utf8'), this.path);
    const made = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    // When another process has just made the key, its file stays.
    await createFile(this.path, Buffer.from(made));
    return readKey(await readFile(this.path, 'utf8'), this.path);
  }
}

function readKey(pem: string, path: string): KeyObject {
  const refused = `${path} must hold the Ed25519 private key of the ledger, as PEM: restore it from its copy`;
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause may quote what the file holds.
    throw new Error(refused);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(refused);
  return key;
}
