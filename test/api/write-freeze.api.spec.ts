import { openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';

const path = '/v1/admin/maintenance/write-freeze';

/** What a freeze refuses, and what it lets through, is told in recovery.api.spec.ts. */
describe('the write gate', () => {
  let server: TestServer;
  let tenant: TestTenant;
  beforeAll(async () => {
    server = await openTestServer();
    tenant = await server.tenant();
  });
  afterAll(() => server.stop());

  it('is seen by admins, and moved by platform operators only: 401 and 403 to all others', async () => {
    expect(await server.anonymous.get(path)).toMatchObject({ status: 401 });
    expect(await tenant.editor.get(path)).toMatchObject({ status: 403 });
    expect(await tenant.admin.post(path, { frozen: true })).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
    const open = { frozen: false, reason: null, changed_at: null, changed_by: null };
    expect((await tenant.admin.get(path)).data).toEqual(open);
    expect(await server.operator(tenant.tenantId).post(path, { frozen: 'yes' })).toMatchObject({ status: 422 });
  });
});
