import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const ivBytes = 12;
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
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(context);
  return Buffer.concat([iv, cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what `encrypt` made. Throws SealBroken naming `what`. */
export function decrypt(key: Uint8Array, sealed: Uint8Array, context: Uint8Array, what: string): Buffer {
  if (sealed.length < ivBytes + tagBytes) throw new SealBroken(what);
  const end = sealed.length - tagBytes;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, ivBytes), { authTagLength: tagBytes });
    decipher.setAAD(context);
    decipher.setAuthTag(sealed.subarray(end));
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes, end)), decipher.final()]);
  } catch (cause) {
    throw new SealBroken(what, { cause });
  }
}
