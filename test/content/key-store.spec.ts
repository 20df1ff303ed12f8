import { randomBytes } from 'node:crypto';
import { appendFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { KeyStore, Subject } from '#infra/content/content-store.js';
import { MasterKey } from '#infra/crypto/master-key.js';
import { MasterKeyMismatch } from '#infra/crypto/wrapped-keys.js';
import { fileHome, postgresHome, type KeyStoreHome } from './key-stores.js';

const ada: Subject = { tenantId: 'acme', kind: 'person', id: 'ada@example.com' };
const bob: Subject = { tenantId: 'acme', kind: 'person', id: 'bob' };
const other: Subject = { tenantId: 'other', kind: 'person', id: 'ada@example.com' };
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe.each([
  ['in a file', fileHome],
  ['in Postgres', postgresHome],
])('a key store %s', (_name, makeHome) => {
  let home: KeyStoreHome;
  let store: KeyStore;

  beforeEach(async () => {
    home = await makeHome();
    store = await home.open();
  });
  afterEach(async () => {
    await store.close();
    await home.remove();
  });

  const reopen = async (): Promise<void> => {
    await store.close();
    store = await home.open();
  };

  it('gives a subject one key, the same after a restart', async () => {
    const [first, second] = await Promise.all([store.keyFor(ada), store.keyFor(ada)]);
    expect(second).toEqual(first);
    await reopen();
    const again = await store.keyFor(ada);
    expect(again.id).toBe(first.id);
    expect(Buffer.from(again.key).equals(Buffer.from(first.key))).toBe(true);
    expect(again.key).toHaveLength(32);
  });

  it('gives each subject of each tenant a key of its own, under an id that names nobody', async () => {
    const keys = await store.keysFor([ada, bob, other, ada]);
    expect(new Set(keys.map((key) => key.id)).size).toBe(3);
    expect(keys[3]?.id).toBe(keys[0]?.id);
    for (const key of keys) expect(key.id).toMatch(uuid);
  });

  it('opens no key for another tenant, cached or not', async () => {
    const { id } = await store.keyFor(ada);
    expect((await store.open('other', [id])).size).toBe(0);
    await reopen();
    expect((await store.open('other', [id])).size).toBe(0);
    expect((await store.open('acme', [id])).size).toBe(1);
  });

  it('destroys a key at once and for ever, and no other', async () => {
    const { id } = await store.keyFor(ada);
    const kept = await store.keyFor(bob);
    expect(await store.destroy(ada)).toBe(true);
    expect((await store.open('acme', [id, kept.id])).size).toBe(1);
    await reopen();
    expect((await store.open('acme', [id, kept.id])).size).toBe(1);
    expect(await store.destroy(ada)).toBe(false);
  });

  it('makes a new key for a subject that returns, which outlives restarts', async () => {
    const first = await store.keyFor(ada);
    await store.destroy(ada);
    const second = await store.keyFor(ada);
    expect(second.id).not.toBe(first.id);
    await reopen();
    expect((await store.open('acme', [first.id, second.id])).has(second.id)).toBe(true);
  });

  it('destroys every key of a tenant and none of another', async () => {
    const keys = await store.keysFor([ada, bob, other]);
    expect(await store.destroyTenant('acme')).toBe(2);
    expect(
      (
        await store.open(
          'acme',
          keys.map((key) => key.id),
        )
      ).size,
    ).toBe(0);
    expect(
      (
        await store.open(
          'other',
          keys.map((key) => key.id),
        )
      ).size,
    ).toBe(1);
  });

  it('lists its destructions, also after a restart', async () => {
    const { id } = await store.keyFor(ada);
    await store.destroy(ada);
    await reopen();
    expect(await store.destructions()).toEqual([{ subject: ada, keyIds: [id], at: expect.any(String) }]);
  });

  it('destroys again what the event log says was destroyed', async () => {
    const { id } = await store.keyFor(ada);
    const future = new Date(Date.now() + 60_000).toISOString();
    expect(await store.replayDestructions([{ subject: ada, keyIds: [], at: future }])).toBe(1);
    expect((await store.open('acme', [id])).size).toBe(0);
    const next = await store.keyFor(bob);
    expect(await store.replayDestructions([{ subject: other, keyIds: [next.id], at: future }])).toBe(0);
  });

  it('refuses another master key', async () => {
    await expect(home.open(new MasterKey(randomBytes(32)))).rejects.toThrow(MasterKeyMismatch);
  });

  it('makes a thousand keys in few writes', async () => {
    const subjects = Array.from({ length: 1_000 }, (_, index) => ({ ...ada, id: `person-${index}` }));
    const keys = await store.keysFor(subjects);
    expect(new Set(keys.map((key) => key.id)).size).toBe(1_000);
  });
});

describe('a key store file', () => {
  it('no longer holds the bytes of a destroyed key, nor its subject', async () => {
    const home = await fileHome();
    const store = await home.open();
    await store.keysFor([ada, bob]);
    const path = join(home.folder ?? '', 'keys.jsonl');
    const line = (await readFile(path, 'utf8')).split('\n').find((text) => text.includes(ada.id)) ?? '';
    const { wrapped } = JSON.parse(line) as { wrapped: string };
    const { ino } = await stat(path);
    await store.destroy(ada);
    const after = await readFile(path, 'utf8');
    expect(after).not.toContain(wrapped);
    expect(after).not.toContain(ada.id);
    expect(after).toContain(bob.id);
    expect((await stat(path)).ino).toBe(ino);
    await store.close();
    await home.remove();
  });

  it('finishes a destruction that a crash cut short, and drops a torn last line', async () => {
    const home = await fileHome();
    const store = await home.open();
    const { id } = await store.keyFor(ada);
    await store.close();
    const record = JSON.stringify({ subject: ada, keyIds: [id], at: new Date().toISOString() });
    await appendFile(join(home.folder ?? '', 'destructions.jsonl'), `${record}\n{"subj`);
    await appendFile(join(home.folder ?? '', 'keys.jsonl'), '{"id":"torn');
    const again = await home.open();
    expect((await again.open('acme', [id])).size).toBe(0);
    await again.keyFor(bob);
    await again.close();
    const third = await home.open();
    expect(await third.destructions()).toHaveLength(1);
    await third.close();
    await home.remove();
  });

  it('is readable by its owner only', async () => {
    const home = await fileHome();
    const store = await home.open();
    expect((await stat(join(home.folder ?? '', 'keys.jsonl'))).mode & 0o777).toBe(0o600);
    await store.close();
    await home.remove();
  });
});

describe('two processes over one key database', () => {
  it('agree on a new subject, and both lose a destroyed key at once', async () => {
    const home = await postgresHome();
    const [one, two] = [await home.open(), await home.open()];
    const [a, b] = await Promise.all([one.keyFor(ada), two.keyFor(ada)]);
    expect(a.id).toBe(b.id);
    await one.destroy(ada);
    let held = await two.open('acme', [a.id]);
    while (held.size > 0) {
      await setImmediate();
      held = await two.open('acme', [a.id]);
    }
    expect((await two.keyFor(ada)).id).not.toBe(a.id);
    await one.close();
    await two.close();
    await home.remove();
  });

  it('hold a clear key for at most a minute, whatever the options say', async () => {
    const home = await postgresHome();
    let now = 0;
    const one = await home.open(undefined, { cacheMs: 3_600_000, now: () => now });
    const { id } = await one.keyFor(ada);
    const behind = await home.open();
    await behind.destroy(ada);
    now = 60_001;
    expect((await one.open('acme', [id])).size).toBe(0);
    await one.close();
    await behind.close();
    await home.remove();
  });
});
