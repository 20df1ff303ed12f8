import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Secret } from '#infra/config/secret.js';
import { PostgresContentStore } from '#infra/content/postgres-content-store.js';
import { openFileKeyStore } from '#infra/crypto/file-key-store.js';
import { parseMasterKey, resolveMasterKey } from '#infra/crypto/master-key.js';
import { KeySealer } from '#infra/crypto/sealer.js';
import { Database } from '#infra/database/database.js';

const canary = 'canary-Zaphod-Beeblebrox-42';

async function filesWith(folder: string, word: Buffer): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const holds = await Promise.all(paths.map(async (path) => (await readFile(path)).includes(word)));
  return paths.filter((_, index) => holds[index]);
}

describe('erasure', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'erasure-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('leaves neither the words nor the key of a forgotten person in the data folder, the WAL included', async () => {
    const { masterKey } = await resolveMasterKey({ file: join(folder, 'keys', 'master.key') });
    const keys = await openFileKeyStore(join(folder, 'keys'), masterKey);
    const database = await Database.open({ dataDir: join(folder, 'pg') });
    await database.migrate();
    const store = new PostgresContentStore(database, keys);
    const ada = { tenantId: 'acme', kind: 'person', id: 'ada' };
    const ref = await store.put(ada, 'message', Buffer.from(canary));
    const sealed = await new KeySealer(keys).seal(ada, canary, 'message');
    await database.execute('create table event (data text)');
    await database.execute('insert into event values ($1)', [sealed]);
    await database.query('checkpoint');
    const keyLine = (await readFile(join(folder, 'keys', 'keys.jsonl'), 'utf8')).split('\n')[1] ?? '';
    const { wrapped } = JSON.parse(keyLine) as { wrapped: string };
    expect(await filesWith(folder, Buffer.from(sealed))).not.toEqual([]);
    expect(await filesWith(folder, Buffer.from(wrapped))).not.toEqual([]);

    await keys.destroy(ada);
    await database.query('checkpoint');

    expect(await store.get('acme', ref.id)).toBeUndefined();
    await database.close();
    await keys.close();
    for (const encoding of ['utf8', 'hex', 'base64'] as const) {
      const word = Buffer.from(Buffer.from(canary).toString(encoding));
      expect(await filesWith(folder, word)).toEqual([]);
    }
    expect(await filesWith(folder, Buffer.from(wrapped))).toEqual([]);
    expect(await filesWith(folder, Buffer.from(wrapped, 'base64'))).toEqual([]);
  });
});

describe('the master key', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'master-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is made once, by one of many starters, for its owner only', async () => {
    const file = join(folder, 'deep', 'master.key');
    const starts = await Promise.all([1, 2, 3, 4].map(() => resolveMasterKey({ file })));
    expect(starts.filter((start) => start.generated)).toHaveLength(1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, 'deep'))).toEqual(['master.key']);
    const context = Buffer.from('c');
    const wrapped = starts[0]?.masterKey.wrap(Buffer.from('k'), context) ?? Buffer.alloc(0);
    for (const { masterKey } of starts) expect(masterKey.unwrap(wrapped, context).toString()).toBe('k');
  });

  it('is read from hex and base64, the option before the file', async () => {
    const bytes = randomBytes(32);
    const context = Buffer.from('c');
    const wrapped = parseMasterKey(bytes.toString('hex'), 'x').wrap(Buffer.from('k'), context);
    for (const text of [bytes.toString('base64'), ` ${bytes.toString('base64url')}\n`, bytes.toString('hex')]) {
      const { masterKey, generated } = await resolveMasterKey({ value: new Secret(text), file: join(folder, 'no') });
      expect(generated).toBe(false);
      expect(masterKey.unwrap(wrapped, context).toString()).toBe('k');
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('is refused in any other form, without repeating it', () => {
    for (const text of ['', 'hunter2', 'zz'.repeat(32), randomBytes(31).toString('base64'), '0'.repeat(63)]) {
      expect(() => parseMasterKey(text, 'MASTER')).toThrow(
        /^MASTER must hold 32 random bytes as 64 hex digits or as base64$/,
      );
    }
  });

  it('never prints', () => {
    const hex = randomBytes(32).toString('hex');
    const key = parseMasterKey(hex, 'x');
    expect([String(key), JSON.stringify(key), inspect(key)]).toEqual(['***', '"***"', '***']);
  });
});
