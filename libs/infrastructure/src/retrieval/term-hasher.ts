import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

const memoLimit = 100_000;
const tenantLimit = 1_000;

/** What is known of one tenant. */
interface Tenant {
  readonly key: KeyObject;
  readonly memo: Map<string, bigint>;
}

/** Index terms as keyed 64-bit numbers, different for every tenant: no word is stored, none can be looked up without the key. */
export class TermHasher {
  private readonly tenants = new Map<string, Tenant>();
  private remembered = 0;

  constructor(private readonly key: Uint8Array) {
    if (key.length < 16) throw new RangeError('The key of the index terms has at least 16 bytes.');
  }

  /** The first 8 bytes of HMAC-SHA-256(HMAC-SHA-256(key, tenant), term), as a signed number. */
  hash(tenantId: string, term: string): bigint {
    if (this.remembered >= memoLimit) this.forget();
    const { key, memo } = this.tenant(tenantId);
    const known = memo.get(term);
    if (known !== undefined) return known;
    const value = createHmac('sha256', key).update(term).digest().readBigInt64BE(0);
    memo.set(term, value);
    this.remembered += 1;
    return value;
  }

  /** The first 16 bytes of the HMAC of a whole text as a uuid; never the hash of a term, whose input has no such beginning. */
  digest(tenantId: string, text: string): string {
    const mac = createHmac('sha256', this.tenant(tenantId).key).update('text\n').update(text).digest('hex');
    return [mac.slice(0, 8), mac.slice(8, 12), mac.slice(12, 16), mac.slice(16, 20), mac.slice(20, 32)].join('-');
  }

  private tenant(tenantId: string): Tenant {
    let known = this.tenants.get(tenantId);
    if (known === undefined) {
      if (this.tenants.size >= tenantLimit) this.forget();
      const key = createSecretKey(createHmac('sha256', this.key).update(tenantId).digest());
      known = { key, memo: new Map() };
      this.tenants.set(tenantId, known);
    }
    return known;
  }

  private forget(): void {
    this.tenants.clear();
    this.remembered = 0;
  }
}
