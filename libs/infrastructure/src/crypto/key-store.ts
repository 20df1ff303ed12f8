import { randomBytes, randomUUID } from 'node:crypto';
import { GroupCommit } from '#infra/batching/group-commit.js';
import type { DataKey, Destruction, KeyStore, Subject } from '#infra/content/content-store.js';
import { contextOf } from './aes.js';
import { ExpiringMap } from './expiring-map.js';
import type { MasterKey } from './master-key.js';
import { subjectKey, type WrappedKey, type WrappedKeys } from './wrapped-keys.js';

const longestCacheMs = 60_000;

export interface KeyStoreOptions {
  /** How long a clear key may stay in this process; at most 60,000 ms, which is the default. */
  readonly cacheMs?: number;
  /** Most clear keys in this process; 20,000 by default. */
  readonly cacheSize?: number;
  /** Milliseconds that only grow, for the cache. */
  readonly now?: () => number;
}

interface Opened extends DataKey {
  readonly subject: Subject;
}

/** The one key store: batching, wrapping and a short cache over a place that keeps wrapped keys. */
export class WrappingKeyStore implements KeyStore {
  private readonly byId: ExpiringMap<Opened>;
  private readonly bySubject: ExpiringMap<Opened>;
  private readonly pending = new Map<string, Promise<DataKey>>();
  private readonly creations = new GroupCommit<Subject, Opened>((subjects) => this.ensure(subjects));
  private drops = 0;

  private constructor(
    private readonly keys: WrappedKeys,
    private readonly masterKey: MasterKey,
    options: KeyStoreOptions,
  ) {
    const ttlMs = Math.min(options.cacheMs ?? longestCacheMs, longestCacheMs);
    const size = options.cacheSize ?? 20_000;
    const now = options.now ?? (() => performance.now());
    this.byId = new ExpiringMap(ttlMs, size, now);
    this.bySubject = new ExpiringMap(ttlMs, size, now);
  }

  /** Opens the store over `keys` and finishes destructions that a crash cut short. */
  static async over(keys: WrappedKeys, masterKey: MasterKey, options: KeyStoreOptions = {}): Promise<WrappingKeyStore> {
    const store = new WrappingKeyStore(keys, masterKey, options);
    await keys.onErased((keyIds) => store.drop(keyIds));
    await store.replayDestructions();
    return store;
  }

  keyFor(subject: Subject): Promise<DataKey> {
    const name = subjectKey(subject);
    const cached = this.bySubject.get(name);
    if (cached !== undefined) return Promise.resolve(cached);
    const known = this.pending.get(name);
    if (known !== undefined) return known;
    const made = this.creations.add(subject).finally(() => this.pending.delete(name));
    this.pending.set(name, made);
    return made;
  }

  keysFor(subjects: readonly Subject[]): Promise<readonly DataKey[]> {
    return Promise.all(subjects.map((subject) => this.keyFor(subject)));
  }

  async open(tenantId: string, keyIds: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    const missing = new Set<string>();
    for (const id of keyIds) {
      const cached = this.byId.get(id);
      if (cached === undefined) missing.add(id);
      else if (cached.subject.tenantId === tenantId) found.set(id, cached.key);
    }
    if (missing.size === 0) return found;
    const drops = this.drops;
    for (const wrapped of await this.keys.byId(tenantId, [...missing])) {
      const opened = this.unwrap(wrapped);
      if (drops === this.drops) this.byId.set(opened.id, opened);
      found.set(opened.id, opened.key);
    }
    return found;
  }

  async destroy(subject: Subject): Promise<boolean> {
    return this.creations.exclusive(async () => {
      const keys = await this.keys.list(subject.tenantId, subject);
      if (keys.length === 0) return false;
      await this.destroyListed(keys);
      return true;
    });
  }

  async destroyTenant(tenantId: string): Promise<number> {
    return this.creations.exclusive(async () => this.destroyListed(await this.keys.list(tenantId)));
  }

  async replayDestructions(more: readonly Destruction[] = []): Promise<number> {
    return this.creations.exclusive(async () => {
      if (more.length > 0) await this.keys.record(more);
      return (await this.erase(await this.keys.recorded())).length;
    });
  }

  destructions(): Promise<readonly Destruction[]> {
    return this.keys.recorded();
  }

  drop(keyIds?: readonly string[]): void {
    // A read that is under way may hold a key that is gone by now: it must not put it into the cache.
    this.drops += 1;
    if (keyIds === undefined) {
      this.byId.clear();
      this.bySubject.clear();
      return;
    }
    for (const id of keyIds) {
      const opened = this.byId.get(id);
      this.byId.delete(id);
      // The subject's entry may outlive the id's, so the subject is asked for whenever it is not known.
      if (opened === undefined) this.bySubject.clear();
      else this.bySubject.delete(subjectKey(opened.subject));
    }
  }

  close(): Promise<void> {
    this.drop();
    return this.keys.close();
  }

  private async destroyListed(keys: readonly Omit<WrappedKey, 'wrapped'>[]): Promise<number> {
    const at = new Date().toISOString();
    const bySubject = new Map<string, { subject: Subject; keyIds: string[]; at: string }>();
    for (const key of keys) {
      const name = subjectKey(key.subject);
      const known = bySubject.get(name) ?? { subject: key.subject, keyIds: [], at };
      known.keyIds.push(key.id);
      bySubject.set(name, known);
    }
    const destructions = [...bySubject.values()];
    await this.keys.record(destructions);
    await this.erase(destructions);
    return destructions.length;
  }

  private async erase(destructions: readonly Destruction[]): Promise<readonly string[]> {
    if (destructions.length === 0) return [];
    const erased = await this.keys.erase(destructions);
    if (erased.length === 0) return erased;
    this.drop(erased);
    await this.keys.announce(erased);
    return erased;
  }

  /** Most that are asked for here are of new subjects, so a key is made for each before one is looked for. */
  private async ensure(subjects: readonly Subject[]): Promise<readonly Opened[]> {
    const drops = this.drops;
    const made = subjects.map((subject) => this.make(subject));
    const stored = await this.keys.ensure(made.map(({ wrapped }) => wrapped));
    const opened = stored.map((key, at) => {
      const own = made[at];
      return own?.key.id === key.id ? own.key : this.unwrap(key);
    });
    if (drops === this.drops) for (const key of opened) this.remember(key);
    return opened;
  }

  private make(subject: Subject): { readonly key: Opened; readonly wrapped: WrappedKey } {
    const id = randomUUID();
    const key = randomBytes(32);
    const wrapped = this.masterKey.wrap(key, keyContext(subject, id));
    return { key: { id, subject, key }, wrapped: { id, subject, wrapped, createdAt: new Date().toISOString() } };
  }

  private unwrap(wrapped: WrappedKey): Opened {
    const key = this.masterKey.unwrap(wrapped.wrapped, keyContext(wrapped.subject, wrapped.id));
    return { id: wrapped.id, subject: wrapped.subject, key };
  }

  private remember(key: Opened): void {
    this.byId.set(key.id, key);
    this.bySubject.set(subjectKey(key.subject), key);
  }
}

function keyContext(subject: Subject, keyId: string): Buffer {
  return contextOf('data-key', subject.tenantId, subject.kind, subject.id, keyId);
}
