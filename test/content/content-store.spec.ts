import { createHash, randomUUID } from 'node:crypto';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { KeyStore, Subject } from '#infra/content/content-store.js';
import { contentErrors, PostgresContentStore } from '#infra/content/postgres-content-store.js';
import { SealBroken } from '#infra/crypto/aes.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { fileHome, type KeyStoreHome } from './key-stores.js';

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();
const bytes = (clear: string): Buffer => Buffer.from(clear);
const document = (id = 'doc-1', tenantId = 'acme'): Subject => ({ tenantId, kind: 'document', id });
const later = (): Date => new Date(Date.now() + 60_000);

describe('the content store', () => {
  let test: TestDatabase;
  let home: KeyStoreHome;
  let keys: KeyStore;
  let store: PostgresContentStore;

  beforeEach(async () => {
    test = await openTestDatabase();
    home = await fileHome();
    keys = await home.open();
    store = new PostgresContentStore(test.database, keys, { maxBytes: 1_000 });
  });
  afterEach(async () => {
    await keys.close();
    await home.remove();
    await test.drop();
  });

  it('gives back what was put, and proves it by the hash of the stored bytes', async () => {
    const ref = await store.put(document(), 'text', bytes('hello'));
    expect(ref.size).toBe(5);
    expect(text(await store.get('acme', ref.id))).toBe('hello');
    const [row] = await test.database.query<{ sealed: Buffer }>('select sealed from content.blob');
    expect(row && createHash('sha256').update(row.sealed).digest('hex')).toBe(ref.sha256);
    expect(row?.sealed.includes('hello')).toBe(false);
  });

  it('gives another tenant nothing, and lets it delete nothing', async () => {
    const ref = await store.put(document(), 'text', bytes('hello'));
    expect(await store.get('other', ref.id)).toBeUndefined();
    await store.delete('other', ref.id);
    expect(text(await store.get('acme', ref.id))).toBe('hello');
    await store.delete('acme', ref.id);
    expect(await store.get('acme', ref.id)).toBeUndefined();
  });

  it('gives nothing once the key was destroyed, and keeps what others own', async () => {
    const gone = await store.put(document('gone'), 'text', bytes('a'));
    const kept = await store.put(document('kept'), 'text', bytes('b'));
    await keys.destroy(document('gone'));
    const found = await store.getMany('acme', [gone.id, kept.id]);
    expect([...found.keys()]).toEqual([kept.id]);
  });

  it('notices bytes that were changed or moved behind its back', async () => {
    const one = await store.put(document(), 'text', bytes('one'));
    const two = await store.put(document(), 'text', bytes('two'));
    await test.database.execute(
      'update content.blob set sealed = (select sealed from content.blob where id = $1) where id = $2',
      [one.id, two.id],
    );
    await expect(store.get('acme', two.id)).rejects.toThrow(SealBroken);
  });

  it('puts many of many subjects in one go, empty ones too', async () => {
    const contents = ['a', '', 'c'].map((clear, at) => ({
      subject: document(`d${at}`),
      kind: 'chunk',
      bytes: bytes(clear),
    }));
    const refs = await store.putMany(contents);
    const found = await store.getMany(
      'acme',
      refs.map((ref) => ref.id),
    );
    expect(refs.map((ref) => text(found.get(ref.id)))).toEqual(['a', '', 'c']);
  });

  it('keeps the first bytes under an id that is put again, and gives the same reference', async () => {
    const content = { subject: document(), kind: 'text', bytes: bytes('hello'), id: randomUUID() };
    const [first] = await store.putMany([content]);
    const [second] = await store.putMany([content]);
    expect(second).toEqual(first);
  });

  it('refuses a content above the limit', async () => {
    const put = store.put(document(), 'text', Buffer.alloc(1_001));
    await expect(put).rejects.toEqual(new CatalogueError(contentErrors.tooLarge));
    await expect(put).rejects.toMatchObject({ details: { size: 1_001, maxBytes: 1_000 } });
  });

  it('rolls back with the transaction that put it', async () => {
    let id = '';
    const work = test.database.transaction(async () => {
      id = (await store.put(document(), 'text', bytes('hello'))).id;
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(await store.get('acme', id)).toBeUndefined();
  });

  it('sweeps what no event names, and only what is old enough', async () => {
    const subjects = [document('a'), document('b'), document('c', 'other')];
    const refs = await store.putMany(subjects.map((subject) => ({ subject, kind: 'text', bytes: bytes('x') })));
    const [named, orphan, foreign] = refs.map((ref) => ref.id);
    const isNamed = async (ids: readonly string[], tenantId: string): Promise<Set<string>> => {
      expect(ids.includes(foreign ?? '')).toBe(tenantId === 'other');
      return new Set(ids.filter((id) => id === named));
    };
    expect(await store.sweep(new Date(0), isNamed)).toBe(0);
    expect(await store.sweep(later(), isNamed, later())).toBe(0);
    expect(await store.sweep(later(), isNamed)).toBe(2);
    expect(text(await store.get('acme', named ?? ''))).toBe('x');
    expect(await store.get('acme', orphan ?? '')).toBeUndefined();
  });

  it('removes everything of a subject', async () => {
    await store.putMany([1, 2].map(() => ({ subject: document(), kind: 'text', bytes: bytes('x') })));
    await store.put(document('kept'), 'text', bytes('x'));
    expect(await store.deleteOf(document())).toBe(2);
  });
});
