import { Keyring } from '#api/capabilities/keyring/keyring.adapter.js';
import { keyringOf } from '#api/keyring-providers.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import type { Answer, TestClient } from '#test/support/client.js';

interface Key {
  readonly key_id: string;
  readonly purpose: string;
  readonly status: string;
  readonly created_at: string;
  readonly activated_at: string;
  readonly retired_at: string | null;
}
interface Rotated {
  readonly key: Key;
  readonly secret: string;
  readonly replaced_key_id: string | null;
}

const rotate = (client: TestClient, purpose = 'signing', headers = {}, at = 'keyring'): Promise<Answer> =>
  client.post(`/v1/admin/${at}/rotate?purpose=${purpose}`, undefined, headers);
const rotated = async (client: TestClient, purpose = 'signing'): Promise<Rotated> =>
  (await rotate(client, purpose)).data as Rotated;
const keysOf = async (client: TestClient, query = ''): Promise<readonly Key[]> =>
  (await client.get(`/v1/admin/keyring${query}`)).data as Key[];

describe('the keyring of a tenant', () => {
  let server: TestServer;
  let tenant: TestTenant;
  let keyring: Keyring;
  beforeAll(async () => {
    server = await openTestServer();
    keyring = keyringOf(server.platform);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    tenant = await server.tenant();
  });

  it.each([
    ['signing', 'sig_'],
    ['encryption', 'enc_'],
    ['backup_signing', 'bksig_'],
    ['backup_encryption', 'bkenc_'],
    ['webhook_signing', 'whsig_'],
  ])('makes keys for %s with the prefix %s, with a secret of 64 characters', async (purpose, prefix) => {
    const { key, secret, replaced_key_id } = await rotated(tenant.admin, purpose);
    expect(key).toMatchObject({ purpose, status: 'active', retired_at: null });
    expect(key.key_id).toMatch(new RegExp(`^${prefix}[0-9a-f]{32}$`));
    expect([secret.length, replaced_key_id]).toEqual([64, null]);
  });

  it('keeps the replaced key retiring, newest first, at both addresses', async () => {
    const first = await rotated(tenant.admin);
    const second = await rotated(tenant.admin, 'SiGnInG');
    expect(second.replaced_key_id).toBe(first.key.key_id);
    const other = await rotated(tenant.admin, 'encryption');
    const listed = await keysOf(tenant.admin);
    expect(listed.map(({ key_id }) => key_id)).toEqual([other, second, first].map(({ key }) => key.key_id));
    expect(listed[2]).toEqual({ ...first.key, status: 'retiring', retired_at: second.key.created_at });
    expect((await tenant.admin.get('/v1/admin/keys')).data).toEqual(listed);
    expect(await keysOf(tenant.admin, '?purpose=signing&status=active')).toEqual([second.key]);
    const page = await tenant.admin.get('/v1/admin/keyring?limit=2');
    const { next_cursor: cursor } = (page.body as { meta: { page: { next_cursor: string } } }).meta.page;
    expect(await keysOf(tenant.admin, `?limit=2&cursor=${encodeURIComponent(cursor)}`)).toEqual([listed[2]]);
  });

  it.each(['keyring', 'keys'])('refuses a purpose and a state that are none with 422 at admin/%s', async (at) => {
    for (const query of ['purpose=nothing', 'status=nothing', 'purpose=', 'limit=0', 'limit=201']) {
      const refused = await tenant.admin.get(`/v1/admin/${at}?${query}`);
      expect([query, refused.status, refused.code]).toEqual([query, 422, 'REQUEST_VALIDATION_ERROR']);
    }
    for (const purpose of ['nothing', '', 'signing%00', 'constructor'])
      expect([purpose, (await rotate(tenant.admin, purpose, {}, at)).status]).toEqual([purpose, 422]);
    expect((await tenant.admin.post(`/v1/admin/${at}/rotate`)).status).toBe(422);
    expect(await keysOf(tenant.admin)).toEqual([]);
  });

  it('retires a key once and for all, and answers 404 for one that is not there', async () => {
    const { key } = await rotated(tenant.admin);
    const retired = await tenant.admin.post(`/v1/admin/keyring/${key.key_id}/retire`);
    expect(retired).toMatchObject({ status: 200, data: { key_id: key.key_id, status: 'retired' } });
    const again = await tenant.admin.post(`/v1/admin/keys/${key.key_id}/retire`);
    expect([again.status, again.data]).toEqual([200, retired.data]);
    for (const id of [`sig_${'0'.repeat(32)}`, 'nothing', '../keys', `enc_${key.key_id.slice(4)}`]) {
      const missing = await tenant.admin.post(`/v1/admin/keyring/${encodeURIComponent(id)}/retire`);
      expect([id, missing.status, missing.code]).toEqual([id, 404, 'NOT_FOUND']);
    }
  });

  it('is for admins only: 401 without a key, 403 for other roles, 404 for another tenant’s key', async () => {
    const { key } = await rotated(tenant.admin);
    const other = await server.tenant();
    expect((await rotate(server.anonymous)).status).toBe(401);
    for (const client of [tenant.reader, tenant.editor]) {
      expect((await rotate(client)).status).toBe(403);
      expect((await client.get('/v1/admin/keyring')).status).toBe(403);
    }
    expect(await keysOf(other.admin)).toEqual([]);
    expect((await other.admin.post(`/v1/admin/keyring/${key.key_id}/retire`)).status).toBe(404);
    expect(await keysOf(tenant.admin)).toEqual([key]);
  });

  it('is the platform’s for its operators, apart from every tenant’s', async () => {
    const operator = server.operator(tenant.tenantId);
    const { key } = await rotated(operator, 'backup_signing');
    expect((await keysOf(operator, '?purpose=backup_signing'))[0]).toEqual(key);
    expect(await keysOf(tenant.admin)).toEqual([]);
    expect((await keyring.active(SYSTEM_TENANT, 'backup_signing'))?.keyId).toBe(key.key_id);
  });

  it('makes one key under one Idempotency-Key, and shows its secret again to the byte', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => rotate(tenant.admin, 'signing', { 'idempotency-key': 'k' })),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect(await keysOf(tenant.admin)).toHaveLength(1);
  });

  it('leaves one active key when 32 callers rotate at once', async () => {
    const answers = await Promise.all(Array.from({ length: 32 }, () => rotated(tenant.admin)));
    expect(new Set(answers.map(({ secret }) => secret)).size).toBe(32);
    const keys = await keysOf(tenant.admin, '?limit=200');
    expect(keys.filter(({ status }) => status === 'active')).toHaveLength(1);
    expect(keys.filter(({ status }) => status === 'retiring')).toHaveLength(31);
    const replaced = answers.map(({ replaced_key_id }) => replaced_key_id).filter((id) => id !== null);
    expect(new Set(replaced).size).toBe(31);
  });

  it('gives code the active secret, and those that still verify', async () => {
    const { tenantId, admin } = tenant;
    expect(await keyring.active(tenantId, 'webhook_signing')).toBeUndefined();
    const made = [
      await rotated(admin, 'webhook_signing'),
      await rotated(admin, 'webhook_signing'),
      await rotated(admin, 'webhook_signing'),
    ];
    const [first, second, third] = made.map(({ key, secret }) => ({ keyId: key.key_id, secret }));
    expect(await keyring.active(tenantId, 'webhook_signing')).toEqual(third);
    expect(await keyring.verifying(tenantId, 'webhook_signing')).toEqual([third, second, first]);
    await admin.post(`/v1/admin/keyring/${first?.keyId ?? ''}/retire`);
    expect(await keyring.verifying(tenantId, 'webhook_signing')).toEqual([third, second]);
  });

  it('keeps a secret in no event, no log line and no table in clear', async () => {
    const { secret, key } = await rotated(tenant.admin, 'encryption');
    const again = await rotate(tenant.admin, 'encryption', { 'idempotency-key': 'kept' });
    const secrets = [secret, (again.data as Rotated).secret];
    const tables = await server.platform.database.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')`,
    );
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['log.event', 'idempotency.claim', 'content.blob']),
    );
    for (const { name } of tables)
      for (const each of secrets) {
        const forms = [each, Buffer.from(each).toString('hex'), Buffer.from(each).toString('base64')];
        const [found] = await server.platform.database.query<{ n: string }>(
          `select count(*) as n from ${name} t where exists (select from unnest($1::text[]) f where position(f in t::text) > 0)`,
          [forms],
        );
        expect([name, Number(found?.n)]).toEqual([name, 0]);
      }
    expect(server.lines.filter((line) => secrets.some((each) => line.includes(each)))).toEqual([]);
    expect(server.lines.length).toBeGreaterThan(0);
    expect(key.key_id).toMatch(/^enc_/);
  });

  it('shows rotations and retirements in the audit log, without a secret', async () => {
    const { key } = await rotated(tenant.admin);
    const { secret } = await rotated(tenant.admin);
    await tenant.admin.post(`/v1/admin/keyring/${key.key_id}/retire`);
    const events = await server.platform.database.query<{ event_type: string; row: string }>(
      'select event_type, t::text as row from read.audit_events_v2 t where tenant_id = $1 and resource_type = $2 order by position',
      [tenant.tenantId, 'platform_key'],
    );
    expect(events.map(({ event_type }) => event_type)).toEqual([
      'security.keyring.rotated',
      'security.keyring.rotated',
      'security.keyring.replaced',
      'security.keyring.retired',
    ]);
    expect(events.filter(({ row }) => row.includes(secret))).toEqual([]);
  });
});

describe('the master key of the keyring', () => {
  const withEnv = async (env: Record<string, string>, use: (server: TestServer) => Promise<void>): Promise<void> => {
    const server = await openTestServer(env);
    try {
      await use(server);
    } finally {
      await server.stop();
    }
  };

  it('is 500 KEYRING_NOT_CONFIGURED when it is required and missing, and nothing is made', async () => {
    await withEnv({ KEYRING_MASTER_KEY_REQUIRED: 'true' }, async (server) => {
      const { admin } = await server.tenant();
      expect(await rotate(admin)).toMatchObject({ status: 500, code: 'KEYRING_NOT_CONFIGURED' });
      expect(await keysOf(admin)).toEqual([]);
    });
  });

  it('is not asked for while the keyring is off: 503 KEYRING_DISABLED', async () => {
    await withEnv({ KEYRING_ENABLED: 'false' }, async (server) => {
      const { admin } = await server.tenant();
      expect(await rotate(admin)).toMatchObject({ status: 503, code: 'KEYRING_DISABLED' });
    });
  });

  it('alone opens what it sealed', async () => {
    await withEnv({ KEYRING_MASTER_KEY: 'a master key of the tests' }, async (server) => {
      const { admin, tenantId } = await server.tenant();
      const made = await rotated(admin);
      const { path, content, stores } = server.platform;
      const settings = { enabled: true, masterKey: undefined, required: false, fallback: stores.masterKey };
      const under = (masterKey: string | undefined): Keyring =>
        new Keyring({ path, content, settings: { ...settings, masterKey } });
      expect((await under('a master key of the tests').active(tenantId, 'signing'))?.secret).toBe(made.secret);
      for (const other of [undefined, 'another master key'])
        await expect(under(other).active(tenantId, 'signing')).rejects.toMatchObject({
          row: { code: 'KEYRING_NOT_CONFIGURED' },
        });
    });
  });
});
