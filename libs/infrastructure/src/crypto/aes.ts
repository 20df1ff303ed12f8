import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';

const ivBytes = 12;
/** Random bytes for many IVs at once: one call of the generator costs as much for 12 bytes as for thousands. */
const ivsAtOnce = 512;
let ivs = Buffer.alloc(0);

/** A key that is handed over as bytes is prepared at each call, which takes five times as long as to seal a short text. */
const prepared = new WeakMap<Uint8Array, KeyObject>();

function keyOf(key: Uint8Array): KeyObject {
  const known = prepared.get(key);
  if (known !== undefined) return known;
  const made = createSecretKey(key);
  prepared.set(key, made);
  return made;
}

function newIv(): Buffer {
  if (ivs.length < ivBytes) ivs = randomBytes(ivBytes * ivsAtOnce);
  const iv = ivs.subarray(0, ivBytes);
  ivs = ivs.subarray(ivBytes);
  return iv;
}
const tagBytes = 16;

/** Bytes that do not open under their key and context: changed, moved from another place, or sealed by another key. */
export class SealBroken extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} does not open: it was changed, moved, or sealed under another key`, options);
    this.name = 'SealBroken';
  }
}

/** Context to authenticate, unambiguous for any parts. */
export function contextOf(...parts: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(parts), 'utf8');
}

/** AES-256-GCM (NIST SP 800-38D): 12 bytes of random IV, the ciphertext, 16 bytes of tag. */
export function encrypt(key: Uint8Array, clear: Uint8Array, context: Uint8Array): Buffer {
  const iv = newIv();
  const cipher = createCipheriv('aes-256-gcm', keyOf(key), iv);
  cipher.setAAD(context);
  return Buffer.concat([iv, cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what `encrypt` made. Throws SealBroken naming `what`. */
export function decrypt(key: Uint8Array, sealed: Uint8Array, context: Uint8Array, what: string): Buffer {
  if (sealed.length < ivBytes + tagBytes) throw new SealBroken(what);
  const end = sealed.length - tagBytes;
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyOf(key), sealed.subarray(0, ivBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(context);
    decipher.setAuthTag(sealed.subarray(end));
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes, end)), decipher.final()]);
  } catch (cause) {
    throw new SealBroken(what, { cause });
  }
}
