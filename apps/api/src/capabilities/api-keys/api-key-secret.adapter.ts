import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { NewKey } from '#domain/capabilities/api-keys/api-keys.decider.js';

export interface MintedKey {
  /** The key itself, shown once. */
  readonly secret: string;
  readonly stored: NewKey;
}

const PREFIX_LENGTH = 12;

/** Hex SHA-256 of a whole key; enough for 256 random bits. */
export function hashOfKey(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** A new key `nrgk_<32 hex>_<43 url-safe characters>`; its id is the hex part as a uuid. */
export function mintKey(): MintedKey {
  const keyId = randomUUID();
  const secret = `nrgk_${keyId.replaceAll('-', '')}_${randomBytes(32).toString('base64url')}`;
  return { secret, stored: { keyId, keyHash: hashOfKey(secret), keyPrefix: secret.slice(0, PREFIX_LENGTH) } };
}
