import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { KeyStore, Subject } from '#infra/content/content-store.js';
import { PIECE_BYTES } from '#infra/content/pieced-content.js';
import { PostgresContentStore } from '#infra/content/postgres-content-store.js';
import { SealBroken } from '#infra/crypto/aes.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';
import { fileHome, type KeyStoreHome } from './key-stores.js';

const subject: Subject = { tenantId: 'acme', kind: 'document', id: 'doc-1' };
const later = (): Date => new Date(Date.now() + 60_000);
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function* parts(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('a content in pieces', () => {
  let test: TestDatabase;
  let home: KeyStoreHome;
  let keys: KeyStore;
  let store: PostgresContentStore;
  beforeEach(async () => {
    test = await openTestDatabase();
    home = await fileHome();
    keys = await home.open();
    store = new PostgresContentStore(test.database, keys);
  });
  afterEach(async () => {
    await keys.close();
    await home.remove();
    await test.drop();
  });

  const put = (bytes: Buffer, size = 70_000, id: string = randomUUID()) =>
    store.putStream({ subject, kind: 'document', id, bytes: parts(bytes, size) });
  const read = async (id: string, tenantId = 'acme'): Promise<Buffer | undefined> => {
    const content = await store.open(tenantId, id);
    if (content === undefined) return undefined;
    const all: Uint8Array[] = [];
    for await (const part of content.parts) all.push(part);
    return Buffer.concat(all);
  };
  const count = async (table: string): Promise<number | undefined> =>
    (await test.database.query<{ n: number }>(`select count(*)::int as n from content.${table}`))[0]?.n;
  const change = (text: string, values: readonly unknown[] = []) => test.database.execute(text, [...values]);

  it.each([0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])(
    'of %d bytes is given back as it came, and proved by the hash of the stored bytes',
    async (size) => {
      const bytes = randomBytes(size);
      const ref = await put(bytes);
      expect(ref).toMatchObject({ size });
      expect(digest((await read(ref.id)) ?? Buffer.of())).toBe(digest(bytes));
      expect(digest((await store.get('acme', ref.id)) ?? Buffer.of())).toBe(digest(bytes));
      expect((await store.open('acme', ref.id))?.size).toBe(size);
      const pieces = await test.database.query<{ sealed: Buffer }>(
        'select sealed from content.piece order by piece_no',
      );
      expect(digest(Buffer.concat(pieces.map(({ sealed }) => sealed)))).toBe(ref.sha256);
      expect(pieces).toHaveLength(Math.max(1, Math.ceil(size / PIECE_BYTES)));
    },
  );

  it('is another tenant’s nothing, and a repeat stores nothing twice', async () => {
    const ref = await put(Buffer.from('first'));
    expect(await read(ref.id, 'other')).toBeUndefined();
    expect(await put(Buffer.from('second'), 10, ref.id)).toEqual(ref);
    expect((await read(ref.id))?.toString()).toBe('first');
    const whole = await store.put(subject, 'document', Buffer.from('whole'));
    expect(await put(Buffer.from('second'), 10, whole.id)).toEqual(whole);
    expect((await read(whole.id))?.toString()).toBe('whole');
  });

  describe('is refused when its pieces', () => {
    const three = randomBytes(2 * PIECE_BYTES + 10);
    it.each([
      [
        'change places',
        `update content.piece set piece_no = case piece_no when 0 then 1 when 1 then 0 else 2 end - 10;
        update content.piece set piece_no = piece_no + 10`,
      ],
      ['end early', `delete from content.piece where piece_no = 2; update content.blob set pieces = 2`],
      ['lack one', 'delete from content.piece where piece_no = 1'],
      [
        'are of another content',
        `update content.piece p set sealed = q.sealed from content.piece q
        where p.piece_no = 1 and q.piece_no = 1 and p.content_id <> q.content_id`,
      ],
      [
        'are changed',
        `update content.piece set sealed = overlay(sealed placing '\\x00'::bytea from 100) where piece_no = 0`,
      ],
    ])('%s', async (_, text) => {
      const ref = await put(three);
      await put(three);
      for (const statement of text.split(';')) await change(statement);
      await expect(read(ref.id)).rejects.toThrow(SealBroken);
    });
  });

  it('is gone with its key, its subject, itself or its sweep, and takes its pieces along', async () => {
    const bytes = randomBytes(2 * PIECE_BYTES);
    const one = await put(bytes);
    const two = await put(bytes);
    await store.delete('acme', one.id);
    expect(await count('piece')).toBe(2);
    expect(await store.sweep(later(), async (ids) => new Set(ids))).toBe(0);
    expect(await store.sweep(later(), async () => new Set())).toBe(1);
    expect(await count('piece')).toBe(0);
    const three = await put(bytes);
    expect(await store.deleteOf(subject)).toBe(1);
    expect([await count('piece'), await read(two.id), await read(three.id)]).toEqual([0, undefined, undefined]);
    const four = await put(bytes);
    await keys.destroy(subject);
    expect(await read(four.id)).toBeUndefined();
  });

  it('leaves nothing when its source fails, and nothing to read while it is being stored', async () => {
    const id = randomUUID();
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const source = async function* () {
      yield randomBytes(2 * PIECE_BYTES);
      begun.resolve();
      await held.promise;
      throw new Error('the client left');
    };
    const storing = store.putStream({ subject, kind: 'document', id, bytes: source() });
    await begun.promise;
    expect(await count('piece')).toBe(1);
    expect([await read(id), await store.get('acme', id)]).toEqual([undefined, undefined]);
    held.resolve();
    await expect(storing).rejects.toThrow('the client left');
    expect([await count('piece'), await count('blob')]).toEqual([0, 0]);
  });

  it('is swept with its pieces when its process died in the middle', async () => {
    const never = async function* () {
      yield randomBytes(2 * PIECE_BYTES);
      begun.resolve();
      await died.promise;
    };
    const begun = Promise.withResolvers<void>();
    const died = Promise.withResolvers<void>();
    const storing = store.putStream({ subject, kind: 'document', bytes: never() });
    await begun.promise;
    expect(await store.sweep(later(), async () => new Set())).toBe(1);
    expect([await count('piece'), await count('blob')]).toEqual([0, 0]);
    died.resolve();
    await expect(storing).rejects.toThrow('removed');
  });

  it('is taken over from an upload that never ended, which then adds nothing more', async () => {
    const id = randomUUID();
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const source = async function* () {
      yield randomBytes(2 * PIECE_BYTES);
      begun.resolve();
      await held.promise;
      yield randomBytes(PIECE_BYTES);
    };
    const first = store.putStream({ subject, kind: 'document', id, bytes: source() });
    await begun.promise;
    const ref = await put(Buffer.from('second'), 10, id);
    held.resolve();
    await expect(first).rejects.toThrow('taken over');
    expect((await read(id))?.toString()).toBe('second');
    expect([ref.size, await count('piece')]).toEqual([6, 1]);
  });
});
