import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

const memoLimit = 100_000;

/** Index terms as keyed 64-bit numbers, different for every tenant: no word is stored, none can be looked up without the key. */
export class TermHasher {
  private readonly tenantKeys = new Map<string, KeyObject>();
  private readonly memo = new Map<string, bigint>();

  constructor(private readonly key: Uint8Array) {
    if (key.length < 16) throw new RangeError('The key of the index terms has at least 16 bytes.');
  }

  /** The first 8 bytes of HMAC-SHA-256(HMAC-SHA-256(key, tenant), term), as a signed number. */
  hash(tenantId: string, term: string): bigint {
    const name = `${tenantId}\n${term}`;
    const known = this.memo.get(name);
    if (known !== undefined) return known;
    if (this.memo.size >= memoLimit) this.memo.clear();
    const value = createHmac('sha256', this.tenantKey(tenantId)).update(term).digest().readBigInt64BE(0);
    this.memo.set(name, value);
    return value;
  }

  /** The first 16 bytes of the HMAC of a whole text as a uuid; never the hash of a term, whose input has no such beginning. */
  digest(tenantId: string, text: string): string {
    const mac = createHmac('sha256', this.tenantKey(tenantId)).update('text\n').update(text).digest('hex');
    return [mac.slice(0, 8), mac.slice(8, 12), mac.slice(12, 16), mac.slice(16, 20), mac.slice(20, 32)].join('-');
  }

  private tenantKey(tenantId: string): KeyObject {
    let derived = this.tenantKeys.get(tenantId);
    if (derived === undefined) {
      if (this.tenantKeys.size >= 1000) this.tenantKeys.clear();
      derived = createSecretKey(createHmac('sha256', this.key).update(tenantId).digest());
      this.tenantKeys.set(tenantId, derived);
    }
    return derived;
  }
}
