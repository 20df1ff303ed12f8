import { aCorpus, ingested, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import {
  aPerson,
  aSecret,
  audited,
  byPermission,
  cited,
  given,
  listed,
  permissionsOf,
  shownInUi,
  strict,
  type Row,
  type Identity,
} from '#test/support/authorization.js';
import { TestClient } from '#test/support/client.js';
import { keyOfDaysAgo } from '#test/support/keys.js';
import { until } from '#test/support/until.js';

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await openTestServer(strict);
});
afterAll(() => server.stop());
beforeEach(async () => {
  tenant = await server.tenant();
  await aCorpus(tenant);
});

describe('a document', () => {
  it('belongs to its creator alone until others are permitted: not for admins, in no list, and in no answer (S3)', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.');
    for (const other of [tenant.reader, tenant.admin]) {
      expect(await other.get(`/v1/documents/${id}`)).toMatchObject(byPermission);
      expect(await listed(other)).toEqual([]);
      expect(await shownInUi(other)).toEqual([]);
      expect(await cited(other)).not.toContain('vermilion');
    }
    expect(await tenant.admin.delete(`/v1/documents/${id}`)).toMatchObject(byPermission);
    expect(await tenant.admin.post(`/v1/documents/${id}/reindex`, {})).toMatchObject(byPermission);
    const overwrite = { corpus_id: 'c1', text: 'Mine.', document_id: id, overwrite: true };
    expect(await tenant.admin.post('/v1/documents/text', overwrite)).toMatchObject(byPermission);
    expect(await cited(tenant.editor)).toContain('vermilion');
    expect(await listed(tenant.editor)).toEqual([id]);
  });

  it('shows what was done with it to those alone who may read it', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.');
    const { data } = await tenant.editor.post('/v1/ui/actions/reindex-document', { document_id: id });
    const { action_id } = data as { action_id: string };
    const actions = async (client: TestTenant['reader']): Promise<unknown[]> =>
      (await client.get(`/v1/ui/actions?document_id=${id}`)).data as unknown[];
    expect(await actions(tenant.editor)).toHaveLength(1);
    for (const other of [tenant.reader, tenant.admin]) {
      expect(await actions(other)).toEqual([]);
      expect((await other.get(`/v1/ui/actions/${action_id}`)).status).toBe(404);
    }
    await given(tenant, id, { principal_type: 'role', principal_id: 'reader', permission: 'read' });
    expect(await actions(tenant.reader)).toHaveLength(1);
    expect((await tenant.reader.get(`/v1/ui/actions/${action_id}`)).status).toBe(200);
  });

  it('shows what was done with it to keys of its corpus alone', async () => {
    await aCorpus(tenant, 'c2');
    const actionOn = async (corpus_id: string): Promise<string> => {
      const document_id = await aSecret(tenant, 'The kettle is vermilion.', { corpus_id });
      await given(tenant, document_id, { principal_type: 'role', principal_id: 'reader', permission: 'read' });
      const { data } = await tenant.editor.post('/v1/ui/actions/reindex-document', { document_id });
      return (data as { action_id: string }).action_id;
    };
    const [mine, other] = [await actionOn('c1'), await actionOn('c2')];
    const { secret } = await keyOfDaysAgo(server.platform, tenant.tenantId, 0, { scopes: { corpora: ['c1'] } });
    const client = new TestClient(server.url, secret);
    const shown = (await client.get('/v1/ui/actions')).data as { action_id: string }[];
    expect(shown.map(({ action_id }) => action_id)).toEqual([mine]);
    expect((await client.get(`/v1/ui/actions/${mine}`)).status).toBe(200);
    expect((await client.get(`/v1/ui/actions/${other}`)).status).toBe(404);
  });

  it.each([
    ['role', () => 'reader'],
    ['user', (of: Identity) => of.userId],
    ['api_key', (of: Identity) => of.keyId],
  ] as const)(
    'is read by who is permitted by %s, at once, and no more once the permission is taken',
    async (type, who) => {
      const id = await aSecret(tenant, 'The kettle is vermilion.');
      const other = await aPerson(server, tenant.tenantId, 'reader');
      const grant = { principal_type: type, principal_id: who(other), permission: 'read' };
      const { id: permission } = await given(tenant, id, grant);
      expect((await other.client.get(`/v1/documents/${id}`)).status).toBe(200);
      expect(await listed(other.client)).toEqual([id]);
      expect(await cited(other.client)).toContain('vermilion');
      expect((await tenant.admin.delete(`${permissionsOf(id)}/${permission}`)).data).toMatchObject({ id: permission });
      expect(await other.client.get(`/v1/documents/${id}`)).toMatchObject(byPermission);
      expect(await listed(other.client)).toEqual([]);
      expect(await cited(other.client)).not.toContain('vermilion');
    },
  );

  it('is changed only by a permission that suffices', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.');
    const other = await aPerson(server, tenant.tenantId, 'editor');
    const to = { principal_type: 'user', principal_id: other.userId };
    const tries = async () => ({
      reindex: (await other.client.post(`/v1/documents/${id}/reindex`, {})).status,
      write: (await other.client.post('/v1/documents/text', { corpus_id: 'c1', text: 'x', document_id: id })).status,
      read: (await other.client.get(`/v1/documents/${id}`)).status,
    });
    expect(await tries()).toEqual({ reindex: 403, write: 403, read: 403 });
    await given(tenant, id, { ...to, permission: 'read' });
    expect(await tries()).toEqual({ reindex: 403, write: 403, read: 200 });
    await given(tenant, id, { ...to, permission: 'write' });
    expect(await tries()).toEqual({ reindex: 403, write: 200, read: 200 });
    await given(tenant, id, { ...to, permission: 'reindex' });
    expect(await tries()).toEqual({ reindex: 202, write: 200, read: 200 });
    await ingested(tenant.editor, id);
    expect(await other.client.delete(`/v1/documents/${id}`)).toMatchObject(byPermission);
    await given(tenant, id, { ...to, permission: 'delete' });
    expect((await other.client.delete(`/v1/documents/${id}`)).status).toBe(204);
  });

  it('loses every permission with its deletion: who makes it anew owns it alone', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.', { document_id: 'again' });
    await given(tenant, id, { principal_type: 'role', principal_id: 'reader', permission: 'read' });
    expect((await tenant.editor.delete(`/v1/documents/${id}`)).status).toBe(204);
    const other = await aPerson(server, tenant.tenantId, 'editor');
    await other.client.post('/v1/documents/text', { corpus_id: 'c1', text: 'New.', document_id: id });
    expect(await tenant.reader.get(`/v1/documents/${id}`)).toMatchObject(byPermission);
    expect(await tenant.editor.get(`/v1/documents/${id}`)).toMatchObject(byPermission);
    expect((await other.client.get(`/v1/documents/${id}`)).status).toBe(200);
  });

  it('belongs to the tenant where the operator of the machine brought it in', async () => {
    const operator = server.operator(tenant.tenantId);
    const made = await operator.post('/v1/documents/text', { corpus_id: 'c1', text: 'The kettle is vermilion.' });
    const { document_id: id } = made.data as { document_id: string };
    await ingested(tenant.reader, id);
    expect(await cited(tenant.reader)).toContain('vermilion');
    expect((await tenant.editor.delete(`/v1/documents/${id}`)).status).toBe(204);
  });
});

describe('permissions', () => {
  it('are renewed, expired or not, under their id, and end by themselves (W9)', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.');
    const to = { principal_type: 'role', principal_id: 'reader', permission: 'read' };
    const soon = new Date(Date.now() + 700).toISOString();
    const first = await given(tenant, id, { ...to, expires_at: soon });
    expect(first.expires_at).toBe(soon);
    expect((await tenant.reader.get(`/v1/documents/${id}`)).status).toBe(200);
    await until(
      'the permission has ended',
      async () => (await tenant.reader.get(`/v1/documents/${id}`)).status === 403,
    );
    expect(await listed(tenant.reader)).toEqual([]);
    const renewed = await given(tenant, id, to);
    expect(renewed).toMatchObject({ id: first.id, expires_at: null, created_at: first.created_at });
    expect(await listed(tenant.reader)).toEqual([id]);
    expect(await given(tenant, id, to)).toEqual(renewed);
    const past = { ...to, expires_at: '2020-01-01T00:00:00.000Z' };
    expect(await tenant.admin.post(permissionsOf(id), past)).toMatchObject({ status: 422, code: 'VALIDATION_ERROR' });
  });

  it('are given many at once, the known ones shown too, and listed page by page', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.');
    const grant = (name: string) => ({ principal_type: 'group', principal_id: name, permission: 'read' });
    await given(tenant, id, grant('a'));
    const bulk = await tenant.admin.post(`${permissionsOf(id)}/bulk`, { permissions: ['a', 'b', 'c'].map(grant) });
    expect(bulk.status).toBe(201);
    expect((bulk.data as { items: Row[] }).items.map((row) => row['principal_id'])).toEqual(['a', 'b', 'c']);
    const seen: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const path = `${permissionsOf(id)}?limit=2${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const { items, next_cursor } = (await tenant.admin.get(path)).data as {
        items: Row[];
        next_cursor: string | null;
      };
      seen.push(...items.map((row) => row['principal_id']));
      cursor = next_cursor;
    }
    expect(seen.slice(1)).toEqual(['a', 'b', 'c']);
  });

  it('are bound to the document of the address (S11)', async () => {
    const [one, two] = [await aSecret(tenant, 'One.'), await aSecret(tenant, 'Two.')];
    const { id } = await given(tenant, one, { principal_type: 'role', principal_id: 'reader', permission: 'read' });
    const wrong = await tenant.admin.delete(`${permissionsOf(two)}/${id}`);
    expect(wrong).toMatchObject({ status: 404, code: 'AUTHZ_PERMISSION_NOT_FOUND' });
    expect((await tenant.reader.get(`/v1/documents/${one}`)).status).toBe(200);
  });

  it('answer 401, 403, 422, and 404 for a document of another tenant', async () => {
    const id = await aSecret(tenant, 'One.');
    const grant = { principal_type: 'role', principal_id: 'reader', permission: 'read' };
    expect((await server.anonymous.get(permissionsOf(id))).status).toBe(401);
    expect(await tenant.editor.post(permissionsOf(id), grant)).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
    const other = await server.tenant();
    for (const path of [permissionsOf(id), permissionsOf('nothing')])
      expect(await other.admin.get(path)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect((await other.admin.post(permissionsOf(id), grant)).status).toBe(404);
    for (const wrong of [{ permission: 'all' }, { principal_type: 'dog' }, { principal_id: '' }, { x: 1 }])
      expect((await tenant.admin.post(permissionsOf(id), { ...grant, ...wrong })).status).toBe(422);
  });

  it('are given once under a repeated Idempotency-Key, and each is audited', async () => {
    const id = await aSecret(tenant, 'One.');
    const grant = { principal_type: 'role', principal_id: 'reader', permission: 'read' };
    const [first, again] = [
      await tenant.admin.post(permissionsOf(id), grant, { 'idempotency-key': 'k' }),
      await tenant.admin.post(permissionsOf(id), grant, { 'idempotency-key': 'k' }),
    ];
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.data).toEqual(first.data);
    await until(
      'one permission is on record',
      async () => (await audited(tenant, 'authz.permission.granted')).length === 1,
    );
  });
});
