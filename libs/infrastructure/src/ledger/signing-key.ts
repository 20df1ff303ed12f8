import { createPrivateKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Where the ledger's Ed25519 private key lives. */
export interface SigningKeyStore {
  /** The key, made at the first call of all. Rejects when it cannot be read or is of another kind. */
  load(): Promise<KeyObject>;
}

/** A key given as PKCS #8 PEM, e.g. from a secret; throws when it is no Ed25519 key. */
export class GivenSigningKey implements SigningKeyStore {
  private readonly key: KeyObject;

  constructor(pem: string) {
    this.key = readKey(pem);
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
    if (found !== undefined) return readKey(found);
    const made = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    const draft = `${this.path}.${randomUUID()}`;
    await writeDurably(draft, made);
    try {
      // A link fails where a rename would replace the key that another process has just made.
      await link(draft, this.path);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    } finally {
      await rm(draft, { force: true });
    }
    await syncFolder(dirname(this.path));
    return readKey(await readFile(this.path, 'utf8'));
  }
}

/** Reads a small text file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Writes a new file of mode 600 and waits until it is on the disk; makes its folder. */
export async function writeDurably(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content, 'utf8');
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the entries of a folder durable, after a link or rename in it. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function readKey(pem: string): KeyObject {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the ledger signs with an Ed25519 key');
  return key;
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
