import { cp, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fillEmbeddedFolder } from '#test/support/database.js';
import { loadConfig } from '#infra/config/config.js';
import { openStores, type Stores } from '#infra/platform/stores.js';
import { FileSigningKey } from '#infra/ledger/signing-key.js';

const silent = { info: () => undefined, warn: () => undefined };
let whole: string;
let folder: string;

const open = (env: Readonly<Record<string, string>> = {}) =>
  openStores(loadConfig({ env: { DATA_DIR: folder, ...env }, readFile: () => undefined }), silent);

const closed = async ({ keys, database }: Stores): Promise<string> => {
  await keys.close();
  await database.close();
  return 'opened';
};

const opened = async (env: Readonly<Record<string, string>> = {}): Promise<string> => closed(await open(env));

/** A folder in which one content was sealed. */
beforeAll(async () => {
  whole = await mkdtemp(join(tmpdir(), 'nexusrag-whole-'));
  folder = join(whole, 'data');
  await fillEmbeddedFolder(join(folder, 'pg'));
  const stores = await open();
  const { id } = await stores.keys.keyFor({ tenantId: 't1', kind: 'document', id: 'd1' });
  await stores.database.query(
    `insert into content.blob (tenant_id, id, kind, subject_kind, subject_id, key_id, sealed, size, sha256)
     values ('t1', gen_random_uuid(), 'document', 'document', 'd1', $1, 'x', 1, 'x')`,
    [id],
  );
  await closed(stores);
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexusrag-damaged-'));
  await cp(join(whole, 'data'), folder, { recursive: true });
});

afterEach(() => rm(folder, { recursive: true, force: true }));
afterAll(() => rm(whole, { recursive: true, force: true }));

describe('a data folder', () => {
  it('that lost its key file, or what stood in it, is not opened as if nothing had been sealed', async () => {
    await truncate(join(folder, 'keys', 'keys.jsonl'), 0);
    await expect(open()).rejects.toThrow('restore it from its backup');
    expect(await opened({ CRYPTO_ACCEPT_LOST_KEYS: 'true' })).toBe('opened');
    await rm(join(folder, 'keys'), { recursive: true });
    await expect(open()).rejects.toThrow('restore it from its backup');
  });

  it('whose keys were destroyed on purpose is opened', async () => {
    const stores = await open();
    await stores.keys.destroy({ tenantId: 't1', kind: 'document', id: 'd1' });
    await closed(stores);
    expect(await opened()).toBe('opened');
  });

  it('that lost its master key gets no new one', async () => {
    const file = join(folder, 'keys', 'master.key');
    const key = join(whole, 'master.key');
    await cp(file, key);
    await rm(file);
    for (let start = 0; start < 2; start += 1) await expect(open()).rejects.toThrow('master.key is gone');
    await cp(key, file);
    expect(await opened()).toBe('opened');
  });

  it('that lost a file of its database is not made anew', async () => {
    await rm(join(folder, 'pg', 'PG_VERSION'));
    await expect(open()).rejects.toThrow('has no PG_VERSION');
    await cp(join(whole, 'data', 'pg', 'PG_VERSION'), join(folder, 'pg', 'PG_VERSION'));
    expect(await opened()).toBe('opened');
  });

  it('that lost its whole database is not begun anew', async () => {
    await rm(join(folder, 'pg'), { recursive: true });
    await expect(open()).rejects.toThrow('restore it from its backup');
  });

  it('that cannot be opened says which', async () => {
    await truncate(join(folder, 'pg', 'global', 'pg_control'), 0);
    await expect(open()).rejects.toThrow(`the embedded database in ${join(folder, 'pg')} cannot be opened`);
    const key = join(folder, 'signing-key.pem');
    await writeFile(key, '');
    await expect(new FileSigningKey(key).load()).rejects.toThrow(`${key} must hold the Ed25519 private key`);
  });
});
