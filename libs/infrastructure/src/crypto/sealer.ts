import type { DataKey, KeyStore, Sealer, Subject } from '#infra/content/content-store.js';
import { contextOf, decrypt, encrypt } from './aes.js';

const sealedPattern = /^sealed:v1:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([A-Za-z0-9_-]{38,})$/;

/** True for a text in the sealed form. */
export function isSealed(text: string): boolean {
  return sealedPattern.test(text);
}

interface Parsed {
  readonly keyId: string;
  readonly bytes: Buffer;
}

function parse(text: string): Parsed | undefined {
  const match = sealedPattern.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { keyId: match[1], bytes: Buffer.from(match[2], 'base64url') };
}

/** Seals texts under the keys of a key store. A text moved to another tenant or context throws SealBroken. */
export class KeySealer implements Sealer {
  constructor(private readonly keys: KeyStore) {}

  async seal(subject: Subject, text: string, aad: string): Promise<string> {
    return sealUnder(await this.keys.keyFor(subject), subject, text, aad);
  }

  async sealMany(
    texts: readonly { readonly subject: Subject; readonly text: string; readonly aad: string }[],
  ): Promise<readonly string[]> {
    const keys = await this.keys.keysFor(texts.map((entry) => entry.subject));
    return texts.map(({ subject, text, aad }, index) => sealUnder(keys[index] as DataKey, subject, text, aad));
  }

  async open(tenantId: string, sealed: string, aad: string): Promise<string | undefined> {
    return (await this.openMany(tenantId, [{ sealed, aad }]))[0];
  }

  async openMany(
    tenantId: string,
    texts: readonly { readonly sealed: string; readonly aad: string }[],
  ): Promise<readonly (string | undefined)[]> {
    const parsed = texts.map(({ sealed }) => parse(sealed));
    const keyIds = new Set(parsed.filter((entry) => entry !== undefined).map((entry) => entry.keyId));
    const keys = keyIds.size === 0 ? new Map<string, Uint8Array>() : await this.keys.open(tenantId, [...keyIds]);
    return texts.map(({ sealed, aad }, index) => {
      const entry = parsed[index];
      if (entry === undefined) return sealed;
      const key = keys.get(entry.keyId);
      if (key === undefined) return undefined;
      return decrypt(key, entry.bytes, contextOf('text', tenantId, entry.keyId, aad), 'a sealed text').toString('utf8');
    });
  }
}

function sealUnder(key: DataKey, subject: Subject, text: string, aad: string): string {
  const bytes = encrypt(key.key, Buffer.from(text, 'utf8'), contextOf('text', subject.tenantId, key.id, aad));
  return `sealed:v1:${key.id}:${bytes.toString('base64url')}`;
}
