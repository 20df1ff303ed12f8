import { randomUUID } from 'node:crypto';
import {
  authzPolicies,
  POLICY_STREAM_ID,
  type PolicyText,
} from '#domain/capabilities/authorization/authorization.decider.js';
import { aCorpus, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import {
  aPolicy,
  aSecret,
  audited,
  byPolicy,
  cited,
  given,
  listed,
  POLICIES,
  policy,
  question,
  shownInUi,
  strict,
  type Row,
} from '#test/support/authorization.js';
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

describe('policies', () => {
  it('begin with two for the tenant, visible and its own to change, beside those of all', async () => {
    const { items } = (await tenant.admin.get(POLICIES)).data as { items: Row[] };
    const own = items.filter((row) => row['tenant_id'] === tenant.tenantId);
    expect(own.map((row) => [row['resource_type'], row['action'], row['effect']])).toEqual([
      ['corpus', 'run', 'allow'],
      ['document', '*', 'allow'],
    ]);
    expect(items.length).toBeGreaterThan(2);
    const mine = (await tenant.admin.get(`${POLICIES}?include_global=false`)).data as { items: Row[] };
    expect(mine.items).toEqual(own);
    const global = items.find((row) => row['tenant_id'] === null);
    expect((await tenant.admin.patch(`${POLICIES}/${global?.id ?? ''}`, { priority: 1 })).status).toBe(404);
  });

  it('deny at once, in reads, lists and answers, and allow again at once when they are switched off', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.', { metadata_json: { labels: { secrecy: 'high' } } });
    const open = await aSecret(tenant, 'The kettle is not of iron.');
    const { id: deny } = await aPolicy(tenant, {
      condition_json: { eq: { field: 'resource.labels.secrecy', value: 'high' } },
    });
    expect(await tenant.editor.get(`/v1/documents/${id}`)).toMatchObject(byPolicy);
    expect(await listed(tenant.editor)).toEqual([open]);
    expect(await shownInUi(tenant.editor)).toEqual([open]);
    expect(await cited(tenant.editor)).not.toContain('vermilion');
    expect((await tenant.admin.post(`${POLICIES}/${deny}/disable`)).data).toMatchObject({ enabled: false, version: 1 });
    expect((await tenant.editor.get(`/v1/documents/${id}`)).status).toBe(200);
    expect(await cited(tenant.editor)).toContain('vermilion');
    await tenant.admin.post(`${POLICIES}/${deny}/enable`);
    expect(await tenant.editor.get(`/v1/documents/${id}`)).toMatchObject(byPolicy);
    expect((await tenant.admin.delete(`${POLICIES}/${deny}`)).status).toBe(204);
    expect((await tenant.editor.get(`/v1/documents/${id}`)).status).toBe(200);
    expect((await tenant.admin.delete(`${POLICIES}/${deny}`)).status).toBe(404);
  });

  it('look at metadata, also inside retrieval', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.', { metadata_json: { year: 1999, parts: ['lid'] } });
    await aPolicy(tenant, { condition_json: { lt: [{ var: 'resource.metadata.year' }, 2000] } });
    expect(await tenant.editor.get(`/v1/documents/${id}`)).toMatchObject(byPolicy);
    expect(await listed(tenant.editor)).toEqual([]);
    expect(await cited(tenant.editor)).not.toContain('vermilion');
  });

  it('deny what nothing allows: without the first policies nobody asks and nothing comes in', async () => {
    for (const id of ['default-documents', 'default-corpus-run'])
      expect((await tenant.admin.delete(`${POLICIES}/${id}`)).status).toBe(204);
    expect(await tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text: 'x' })).toMatchObject(byPolicy);
    expect(await tenant.reader.post('/v1/run', question)).toMatchObject(byPolicy);
    await until('the denial is on record', async () => (await audited(tenant, 'authz.policy.denied')).length > 0);
    const [denial] = await audited(tenant, 'authz.policy.denied');
    expect(denial).toMatchObject({ outcome: 'failure', metadata_json: { reason: 'default_deny' } });
    await aPolicy(tenant, { effect: 'allow', resource_type: 'corpus', action: 'run' });
    expect((await tenant.reader.post('/v1/run', question)).status).toBe(200);
  });

  it.each([
    ['corpus', 'read', () => tenant.reader.get('/v1/corpora/c1')],
    ['corpus', 'write', () => tenant.editor.patch('/v1/corpora/c1', { name: 'x' })],
    ['corpus', 'manage', () => tenant.editor.patch('/v1/corpora/c1', { provider_config_json: {} })],
    ['corpus', 'run', () => tenant.reader.post('/v1/run', question)],
    ['document', 'write', () => tenant.editor.post('/v1/documents/text', { corpus_id: 'c1', text: 'x' })],
    ['audit', 'read', () => tenant.admin.get('/v1/audit/events')],
    ['ops', 'read', () => tenant.admin.get('/v1/admin/retention/status')],
    ['ops', 'manage', () => tenant.admin.patch('/v1/admin/rollouts/killswitches', { kill_switches: {} })],
    ['admin', 'read', () => tenant.admin.get('/v1/admin/api-keys')],
    ['admin', 'manage', () => tenant.admin.post('/v1/self-serve/billing/webhook-test')],
  ] as const)(
    'deny %s %s where they say so, and always know who asks, and how',
    async (resource_type, action, call) => {
      const known = ['principal.plan', 'principal.auth_method', 'principal.api_key_id', 'request.ip'];
      const condition_json = { all: known.map((name) => ({ ne: [{ var: name }, null] })) };
      await aPolicy(tenant, { resource_type, action, condition_json });
      expect(await call()).toMatchObject(byPolicy);
    },
  );

  it('hide the corpora that may not be seen from the list', async () => {
    await aCorpus(tenant, 'c2');
    await aPolicy(tenant, { resource_type: 'corpus', condition_json: { eq: [{ var: 'resource.id' }, 'c2'] } });
    const { data } = await tenant.reader.get('/v1/corpora');
    expect((data as Row[]).map(({ id }) => id)).toEqual(['c1']);
  });

  it('never lock out who can mend them', async () => {
    await aPolicy(tenant, { resource_type: 'admin', action: '*' });
    await aPolicy(tenant, { resource_type: '*', action: 'manage' });
    expect((await tenant.admin.get(POLICIES)).status).toBe(200);
    expect(await tenant.admin.get('/v1/admin/api-keys')).toMatchObject(byPolicy);
    expect((await tenant.admin.get('/v1/admin/rollouts/killswitches')).status).toBe(200);
  });

  it('are refused where they could never work, with the reason (W3)', async () => {
    const invalid = [
      { resource_type: 'audit', action: 'write' },
      { resource_type: '*', action: '*' },
      { condition_json: { like: [1, 2] } },
      { condition_json: { eq: [1] } },
      { condition_json: { eq: [1, 2], ne: [1, 2] } },
      { condition_json: { all: {} } },
      { condition_json: { date_between: [{ var: 'request.time' }, { start: '2026-13-01', end: '2026-01-31' }] } },
      { condition_json: { eq: [{ var: 'principal.rol' }, 'x'] } },
    ];
    for (const over of invalid)
      expect(await tenant.admin.post(POLICIES, policy(over))).toMatchObject({
        status: 422,
        code: 'AUTHZ_POLICY_INVALID',
      });
    const nested = Array.from({ length: 7 }).reduce<object>((inner) => ({ not: inner }), { eq: [1, 1] });
    const complex = [{ condition_json: nested }, { condition_json: { eq: ['x'.repeat(17_000), 'y'] } }];
    for (const over of complex)
      expect(await tenant.admin.post(POLICIES, policy(over))).toMatchObject({ code: 'AUTHZ_POLICY_TOO_COMPLEX' });
    const { id } = await aPolicy(tenant);
    for (const over of [{ name: null }, { enabled: null }, { priority: null }, { effect: 'maybe' }, { color: 1 }])
      expect((await tenant.admin.patch(`${POLICIES}/${id}`, over)).code).toBe('REQUEST_VALIDATION_ERROR');
  });

  it('are changed field by field, with a version', async () => {
    const { id } = await aPolicy(tenant, { condition_json: { eq: [1, 2] }, priority: 7 });
    const patched = await tenant.admin.patch(`${POLICIES}/${id}`, { name: 'New' });
    expect(patched.data).toMatchObject({ name: 'New', version: 2, priority: 7, condition_json: { eq: [1, 2] } });
    const cleared = await tenant.admin.patch(`${POLICIES}/${id}`, { condition_json: null });
    expect(cleared.data).toMatchObject({ version: 3, condition_json: null });
    expect((await tenant.admin.patch(`${POLICIES}/${id}`, {})).data).toMatchObject({ version: 3 });
  });

  it('answer 401, 403 and 404 of another tenant, and those of all belong to platform operators', async () => {
    const { id } = await aPolicy(tenant);
    const other = await server.tenant();
    expect((await server.anonymous.get(POLICIES)).status).toBe(401);
    expect((await tenant.editor.get(POLICIES)).status).toBe(403);
    expect((await other.admin.patch(`${POLICIES}/${id}`, { priority: 1 })).status).toBe(404);
    expect((await other.admin.delete(`${POLICIES}/${id}`)).status).toBe(404);
    const global = policy({ condition_json: { eq: [{ var: 'principal.tenant_id' }, other.tenantId] } });
    expect((await tenant.admin.post(`${POLICIES}?scope=global`, global)).status).toBe(403);
    const made = await server.operator('t1').post(`${POLICIES}?scope=global`, global);
    expect(made.data).toMatchObject({ tenant_id: null });
    await aCorpus(other);
    const theirs = await other.editor.post('/v1/documents/text', { corpus_id: 'c1', text: 'x' });
    const path = `/v1/documents/${(theirs.data as { document_id: string }).document_id}`;
    expect(await other.editor.get(path)).toMatchObject(byPolicy);
    const removed = await server.operator('t1').delete(`${POLICIES}/${(made.data as Row).id}`);
    expect(removed.status).toBe(204);
    expect((await other.editor.get(path)).status).toBe(200);
  });
});

describe('what would be allowed', () => {
  it('is simulated with a trace, as if the policy were in force', async () => {
    const { id } = await aPolicy(tenant, { enabled: false, condition_json: { eq: [{ var: 'context.a' }, 1] } });
    const body = { resource_type: 'document', action: 'read', principal: { role: 'reader' } };
    const answer = await tenant.admin.post(`${POLICIES}/${id}/simulate`, { ...body, context: { a: 1 } });
    expect(answer.data).toMatchObject({ allowed: false, reason: 'policy_deny', matched_policy_id: id });
    const without = await tenant.admin.post(`${POLICIES}/${id}/simulate`, body);
    expect(without.data).toMatchObject({
      allowed: true,
      reason: 'policy_allow',
      matched_policy_id: 'default-documents',
    });
    expect((without.data as { trace: unknown[] }).trace).toContainEqual({
      policy_id: id,
      effect: 'deny',
      matched: false,
    });
    for (const wrong of [{ action: 'run' }, { action: '*' }, { principal: { tenant_id: 'other' } }])
      expect((await tenant.admin.post(`${POLICIES}/${id}/simulate`, { ...body, ...wrong })).code).toBe(
        'AUTHZ_SIMULATION_INVALID',
      );
    expect((await tenant.admin.post(`${POLICIES}/nothing/simulate`, body)).status).toBe(404);
    await until('the simulation is on record', async () => (await audited(tenant, 'authz.simulation.run')).length > 0);
  });

  it('is told of a document that is there, for anybody, also by group, with the permission that suffices', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.');
    const ask = async (principal: object) =>
      (
        await tenant.admin.post('/v1/admin/authz/evaluate', {
          resource_type: 'document',
          action: 'read',
          resource_id: id,
          principal: { id: 'eve', role: 'reader', ...principal },
        })
      ).data;
    expect(await ask({})).toMatchObject({ allowed: false, reason: 'document_acl_denied', permission_required: true });
    const { id: permission } = await given(tenant, id, {
      principal_type: 'group',
      principal_id: 'cooks',
      permission: 'read',
    });
    expect(await ask({})).toMatchObject({ allowed: false });
    expect(await ask({ groups: ['cooks'] })).toMatchObject({ allowed: true, permission_id: permission });
  });
});

describe('policies that are too large together', () => {
  const many = (name: string) => ({ any: Array.from({ length: 330 }, (_, at) => ({ eq: [{ var: name }, at] })) });

  it('are refused when they are saved or put in force, and those that are there go on', async () => {
    const known = await aSecret(tenant, 'The kettle is vermilion.');
    const heavy = { condition_json: many('resource.labels.a') };
    const { id } = await aPolicy(tenant, { enabled: false, ...heavy });
    let answer = await tenant.admin.post(POLICIES, policy(heavy));
    for (let at = 1; at < 31 && answer.status === 201; at += 1)
      answer = await tenant.admin.post(POLICIES, policy(heavy));
    const tooComplex = { status: 422, code: 'AUTHZ_POLICY_TOO_COMPLEX' };
    expect(answer).toMatchObject(tooComplex);
    expect(await tenant.admin.post(`${POLICIES}/${id}/enable`)).toMatchObject(tooComplex);
    expect(await listed(tenant.editor)).toEqual([known]);
  });

  it('and are there all the same, make lists and searches say so instead of looking empty', async () => {
    const id = await aSecret(tenant, 'The kettle is vermilion.');
    await kept(62, { resourceType: '*', action: 'read', condition: many('resource.id') });
    const lists = ['documents', 'ui/documents', 'ui/actions', 'corpora', 'runs', 'sessions'];
    const answers = [
      ...(await Promise.all(lists.map((path) => tenant.editor.get(`/v1/${path}`)))),
      await tenant.editor.post('/v1/search', { corpus_id: 'c1', query: 'kettle' }),
      await tenant.editor.post('/v1/run', question),
    ];
    for (const answer of answers) expect(answer).toMatchObject({ status: 409, code: 'AUTHZ_POLICIES_TOO_LARGE' });
    const models = await tenant.editor.get('/v1/models');
    expect(models).toMatchObject({ status: 409, body: { error: { code: 'AUTHZ_POLICIES_TOO_LARGE' } } });
    expect((await tenant.editor.get(`/v1/documents/${id}`)).status).toBe(200);
  });

  /** Policies that were saved by a build that did not weigh them. */
  async function kept(count: number, said: Pick<PolicyText, 'resourceType' | 'action' | 'condition'>): Promise<void> {
    const { tenantId } = tenant;
    for (let at = 0; at < count; at += 1) {
      const text = { name: 'Heavy', effect: 'deny', priority: 1, enabled: true, ...said } as const;
      const data = { policyId: `heavy-${at}`, ...text, createdBy: null, seeded: false };
      const unweighed = { ...authzPolicies, decide: () => [{ type: 'AuthzPolicyCreated', data } as const] };
      const facts = { tenantId, actor: { type: 'system', id: 'test', role: null }, requestId: null } as const;
      const ids = { commandId: randomUUID(), newId: randomUUID(), now: new Date().toISOString() };
      const seed = { type: 'SeedPolicies', data: { of: 'tenant' } } as const;
      await server.platform.path.run(unweighed, POLICY_STREAM_ID, seed, { ...facts, ...ids });
    }
    const last = `${POLICIES}?include_global=false&limit=100`;
    await until('they are in force', async () => {
      const { items } = (await tenant.admin.get(last)).data as { items: Row[] };
      return items.length > count && (await tenant.editor.get('/v1/documents')).status === 409;
    });
  }
});
