import { createHmac, hash, randomBytes, randomUUID } from 'node:crypto';
import type { NewKey } from '#domain/capabilities/api-keys/api-keys.decider.js';
import type { Config } from '#infra/config/config.js';

export interface MintedKey {
  /** The key itself, shown once. */
  readonly secret: string;
  readonly stored: NewKey;
}

type Hash = (secret: string) => string;

const PREFIX_LENGTH = 12;

/** Hex SHA-256 of a whole key or session token; enough for 256 random bits. */
export function sha256Of(secret: string): string {
  return hash('sha256', secret, 'hex');
}

const hmacUnder =
  (pepper: string): Hash =>
  (secret) =>
    createHmac('sha256', pepper).update(secret).digest('hex');

/** How keys are hashed: under the pepper when there is one, else by SHA-256; a key of an older way is known by that. */
export class KeyHasher {
  /** What a key is stored as from now on. */
  readonly hash: Hash;
  private readonly older: readonly Hash[];

  constructor(pepper?: string, previous?: string) {
    const peppered = [pepper, previous].flatMap((each) => (each === undefined ? [] : [hmacUnder(each)]));
    this.hash = pepper === undefined ? sha256Of : hmacUnder(pepper);
    this.older = pepper === undefined ? peppered : [...peppered.slice(1), sha256Of];
  }

  /** What the key may be stored as that was made before the pepper, or under the previous one. */
  olderHashes(secret: string): readonly string[] {
    return this.older.map((hash) => hash(secret));
  }

  /** A new key `nrgk_<32 hex>_<43 url-safe characters>`; its id is the hex part as a uuid. */
  mint(): MintedKey {
    const keyId = randomUUID();
    const secret = `nrgk_${keyId.replaceAll('-', '')}_${randomBytes(32).toString('base64url')}`;
    return { secret, stored: { keyId, keyHash: this.hash(secret), keyPrefix: secret.slice(0, PREFIX_LENGTH) } };
  }
}

export function keyHasherOf({ AUTH_KEY_PEPPER, AUTH_KEY_PEPPER_PREVIOUS }: Config['auth']): KeyHasher {
  return new KeyHasher(AUTH_KEY_PEPPER?.reveal(), AUTH_KEY_PEPPER_PREVIOUS?.reveal());
}
