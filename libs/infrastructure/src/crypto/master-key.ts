import { hkdfSync, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import type { Secret } from '#infra/config/secret.js';
import { decrypt, encrypt } from './aes.js';
import { createFile, readIfThere } from '#infra/files/durable-file.js';

const keyBytes = 32;

/** A master key that is not 32 bytes in hex or base64. The message never repeats the value. */
export class MasterKeyInvalid extends Error {
  constructor(source: string) {
    super(`${source} must hold ${keyBytes} random bytes as 64 hex digits or as base64`);
    this.name = 'MasterKeyInvalid';
  }
}

/** Wraps data keys, AES-256-GCM. Never prints. */
export class MasterKey {
  readonly #key: Buffer;

  constructor(key: Uint8Array) {
    this.#key = Buffer.from(key);
  }

  wrap(key: Uint8Array, context: Uint8Array): Buffer {
    return encrypt(this.#key, key, context);
  }

  /** Throws SealBroken when another master key wrapped it. */
  unwrap(wrapped: Uint8Array, context: Uint8Array): Buffer {
    return decrypt(this.#key, wrapped, context, 'a wrapped data key');
  }

  /** 32 bytes for another purpose: HKDF-SHA-256 (RFC 5869) of the master key with `purpose` as info. */
  derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#key, Buffer.alloc(0), purpose, keyBytes));
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return '***';
  }
}

/** Reads 64 hex digits, or base64 or base64url of 32 bytes. Throws MasterKeyInvalid naming `source`. */
export function parseMasterKey(text: string, source: string): MasterKey {
  const value = text.trim();
  if (/^[0-9a-f]{64}$/i.test(value)) return new MasterKey(Buffer.from(value, 'hex'));
  const isBase64 = /^(?:[A-Za-z0-9+/]{43}=?|[A-Za-z0-9_-]{43}=?)$/.test(value);
  const bytes = Buffer.from(value, 'base64');
  if (!isBase64 || bytes.length !== keyBytes) throw new MasterKeyInvalid(source);
  return new MasterKey(bytes);
}

export interface MasterKeySource {
  /** The key itself; wins over the file. */
  readonly value?: Secret;
  /** A file to read it from, made with a fresh key (mode 600) when absent. */
  readonly file?: string;
}

/** The master key, and whether it was made just now, so that the caller can warn to back it up. */
export async function resolveMasterKey(
  source: MasterKeySource,
): Promise<{ readonly masterKey: MasterKey; readonly generated: boolean }> {
  if (source.value !== undefined) {
    return { masterKey: parseMasterKey(source.value.reveal(), 'the master key'), generated: false };
  }
  if (source.file === undefined) throw new MasterKeyInvalid('the master key, which is not set,');
  const known = await readIfThere(source.file);
  if (known !== undefined) return { masterKey: parseMasterKey(known.toString('utf8'), source.file), generated: false };
  const generated = await createFile(source.file, Buffer.from(`${randomBytes(keyBytes).toString('base64')}\n`));
  return { masterKey: parseMasterKey(await readFile(source.file, 'utf8'), source.file), generated };
}
