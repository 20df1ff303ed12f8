import fc from 'fast-check';
import { featureKeys } from '#domain/capabilities/plans/features.events.js';
import { PLAN_STREAM_ID } from '#domain/capabilities/plans/plans.decider.js';
import { eventsOf, openTestServer, type TestServer, type TestTenant } from '#test/support/server.js';
import { until } from '#test/support/until.js';

let server: TestServer;
let tenant: TestTenant;

beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  tenant = await server.tenant({ plan: 'none' });
});

const operator = () => server.operator('t1');
const planPath = (of: TestTenant, rest = ''): string => `/v1/admin/plans/${of.tenantId}${rest}`;
const history = (of: TestTenant) => eventsOf(server.platform, `plans-${of.tenantId}.${PLAN_STREAM_ID}`);

interface Entitlement {
  readonly feature_key: string;
  readonly enabled: boolean;
  readonly config_json: object | null;
}

const entitlement = (data: unknown, key: string): Entitlement | undefined =>
  (data as { entitlements: Entitlement[] }).entitlements.find(({ feature_key }) => feature_key === key);

describe('plans', () => {
  it('are listed by id with their features by key', async () => {
    const { status, data } = await tenant.admin.get('/v1/admin/plans');
    expect(status).toBe(200);
    const plans = data as { id: string; name: string; features: Entitlement[] }[];
    expect(plans.map(({ id, name }) => [id, name])).toEqual([
      ['enterprise', 'Enterprise'],
      ['free', 'Free'],
      ['pro', 'Pro'],
    ]);
    for (const { features } of plans) expect(features.map(({ feature_key }) => feature_key)).toEqual(featureKeys);
    expect(plans[1]?.features.filter(({ enabled }) => enabled)).toEqual([
      { feature_key: 'feature.retrieval.local_pgvector', enabled: true, config_json: null },
    ]);
  });

  it('are free for a tenant that was assigned none', async () => {
    expect((await tenant.admin.get(planPath(tenant))).data).toMatchObject({
      tenant_id: tenant.tenantId,
      plan_id: 'free',
      plan_name: 'Free',
      effective_from: null,
      effective_to: null,
      is_active: false,
      overridden: [],
      pending_upgrade: null,
    });
  });

  it('are assigned, in force at once, and no event the second time', async () => {
    const refused = await tenant.admin.get('/v1/audit/events');
    expect(refused).toMatchObject({ status: 403, code: 'FEATURE_NOT_ENABLED' });
    expect(refused.body).toMatchObject({ error: { details: { feature_key: 'feature.audit_access' } } });
    for (let again = 0; again < 2; again += 1) {
      const assigned = await tenant.admin.patch(planPath(tenant), { plan_id: 'pro' });
      expect(assigned).toMatchObject({ status: 200, data: { plan_id: 'pro', plan_name: 'Pro', is_active: true } });
    }
    expect((await tenant.admin.get('/v1/audit/events')).status).toBe(200);
    expect((await history(tenant)).map(({ type }) => type)).toEqual(['PlanAssigned']);
    await tenant.admin.patch(planPath(tenant), { plan_id: 'free' });
    expect((await tenant.admin.get('/v1/audit/events')).code).toBe('FEATURE_NOT_ENABLED');
  });

  it('answer 401, 403 and 404 to whom they are not for', async () => {
    const other = await server.tenant();
    for (const path of ['/v1/admin/plans', planPath(tenant)]) {
      expect((await server.anonymous.get(path)).status).toBe(401);
      expect((await tenant.editor.get(path)).code).toBe('AUTH_FORBIDDEN');
    }
    for (const refused of [
      await tenant.admin.get(planPath(other)),
      await tenant.admin.patch(planPath(other), { plan_id: 'free' }),
      await tenant.admin.patch(planPath(other, '/overrides'), { feature_key: 'feature.tts', enabled: true }),
      await tenant.admin.delete(planPath(other, '/overrides/feature.tts')),
      await tenant.admin.get('/v1/admin/plans/Not.A-Tenant'),
    ])
      expect(refused).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
    expect((await history(other)).length).toBe(1);
    await until('each refusal is on record', async () => {
      const { data } = await operator().get(`/v1/audit/events?tenant_id=${tenant.tenantId}&event_type=rbac.forbidden`);
      const reasons = (data as { items: { metadata_json: Record<string, unknown> }[] }).items.map(
        ({ metadata_json: { reason } }) => reason,
      );
      return reasons.includes('tenant') && reasons.includes('role');
    });
    expect(await tenant.admin.patch(planPath(tenant), { plan_id: 'gold' })).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
    });
    for (const body of [{}, { plan_id: null }, { plan_id: 'pro', more: 1 }])
      expect((await tenant.admin.patch(planPath(tenant), body)).code).toBe('REQUEST_VALIDATION_ERROR');
  });

  it("are every tenant's business for a platform operator, of tenants that exist", async () => {
    const operator = server.operator('t1');
    const assigned = await operator.patch(planPath(tenant), { plan_id: 'enterprise' });
    expect(assigned).toMatchObject({ status: 200, data: { tenant_id: tenant.tenantId, plan_id: 'enterprise' } });
    const [event] = await history(tenant);
    expect(event?.metadata).toMatchObject({ tenantId: tenant.tenantId, actor: { id: 'operator' } });
    for (const nobody of ['nobody_here', 'Not.A-Tenant'])
      expect((await operator.patch(`/v1/admin/plans/${nobody}`, { plan_id: 'pro' })).status).toBe(404);
  });
});

describe('overrides', () => {
  const path = (): string => planPath(tenant, '/overrides');

  it('speak field by field: absent is unchanged, null follows the plan', async () => {
    const on = await tenant.admin.patch(path(), {
      feature_key: 'feature.tts',
      enabled: true,
      config_json: { voices: ['nova'] },
    });
    expect(entitlement(on.data, 'feature.tts')).toMatchObject({ enabled: true, config_json: { voices: ['nova'] } });
    const off = await tenant.admin.patch(path(), { feature_key: 'feature.tts', enabled: null });
    expect(entitlement(off.data, 'feature.tts')).toMatchObject({ enabled: false, config_json: { voices: ['nova'] } });
    const gone = await tenant.admin.patch(path(), { feature_key: 'feature.tts', config_json: null });
    expect(gone.data).toMatchObject({ overridden: [] });
    expect((await history(tenant)).map(({ type }) => type)).toEqual([
      'FeatureOverrideSet',
      'FeatureOverrideSet',
      'FeatureOverrideRemoved',
    ]);
  });

  it('open and close an endpoint at once, and are removed by DELETE', async () => {
    await tenant.admin.patch(path(), { feature_key: 'feature.audit_access', enabled: true });
    expect((await tenant.admin.get('/v1/audit/events')).status).toBe(200);
    for (let again = 0; again < 2; again += 1) {
      const removed = await tenant.admin.delete(`${path()}/feature.audit_access`);
      expect(removed).toMatchObject({ status: 200, data: { overridden: [] } });
    }
    expect((await tenant.admin.get('/v1/audit/events')).code).toBe('FEATURE_NOT_ENABLED');
  });

  it('refuse a feature that does not exist', async () => {
    for (const refused of [
      await tenant.admin.patch(path(), { feature_key: 'feature.none', enabled: true }),
      await tenant.admin.patch(path(), { feature_key: '__proto__', enabled: true }),
      await tenant.admin.delete(`${path()}/toString`),
    ])
      expect(refused).toMatchObject({ status: 422, code: 'VALIDATION_ERROR' });
  });
});

describe('the plan of the own tenant', () => {
  it('is shown with its quota, and the view is on record', async () => {
    const { status, data } = await tenant.admin.get('/v1/self-serve/plan');
    expect(status).toBe(200);
    expect(data).toMatchObject({
      tenant_id: tenant.tenantId,
      plan_id: 'free',
      pending_upgrade: null,
      quota: { day: { limit: null, remaining: null }, soft_cap_reached: false, hard_cap_mode: 'enforce' },
    });
    expect((data as { entitlements: unknown[] }).entitlements).toHaveLength(15);
    for (const refused of [
      await tenant.editor.get('/v1/self-serve/plan'),
      await server.anonymous.get('/v1/self-serve/plan'),
    ])
      expect([401, 403]).toContain(refused.status);
  });

  it('is asked to be raised once at a time, with a reason that no log shows in clear', async () => {
    const path = '/v1/self-serve/plan/upgrade-request';
    const reason = 'Because Grace Hopper needs speech';
    const asked = await tenant.admin.post(path, { target_plan: 'pro', reason });
    expect(asked).toMatchObject({ status: 202, data: { status: 'pending' } });
    expect((await tenant.admin.post(path, { target_plan: 'pro' })).data).toEqual(asked.data);
    const other = await tenant.admin.post(path, { target_plan: 'enterprise' });
    expect(other).toMatchObject({ status: 409, code: 'PLAN_UPGRADE_PENDING' });
    const [event] = await history(tenant);
    expect(event?.raw.data).not.toContain('Grace');
    expect(event?.data).toMatchObject({ currentPlan: 'free', targetPlan: 'pro' });
    expect((await tenant.admin.get(planPath(tenant))).data).toMatchObject({
      pending_upgrade: { target_plan: 'pro', status: 'pending' },
    });
    await tenant.admin.patch(planPath(tenant), { plan_id: 'enterprise' });
    for (const target_plan of ['pro', 'enterprise'])
      expect((await tenant.admin.post(path, { target_plan })).code).toBe('PLAN_NOT_AN_UPGRADE');
    for (const body of [
      { target_plan: 'free' },
      { target_plan: 'gold' },
      {},
      { target_plan: 'pro', reason: 'r'.repeat(1_025) },
    ])
      expect((await tenant.admin.post(path, body)).status).toBe(422);
  });

  it('is asked to be raised by eight callers at once, who all get the one request', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => tenant.admin.post('/v1/self-serve/plan/upgrade-request', { target_plan: 'pro' })),
    );
    expect(new Set(answers.map(({ data }) => (data as { request_id: string }).request_id)).size).toBe(1);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(await history(tenant)).toHaveLength(1);
  });
});

describe('W33: concurrent changes of a plan', () => {
  it('are never a 500, leave one plan in force, and one event for each real change', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('free', 'pro', 'enterprise'), { minLength: 2, maxLength: 12 }),
        async (wanted) => {
          const racing = await server.tenant({ plan: 'none' });
          const answers = await Promise.all(wanted.map((plan_id) => racing.admin.patch(planPath(racing), { plan_id })));
          expect(answers.map(({ status }) => status)).toEqual(wanted.map(() => 200));
          const assigned = (await history(racing)).map(
            ({ data }) => data as { planId: string; previousPlanId: string },
          );
          assigned.forEach(({ previousPlanId }, at) => expect(previousPlanId).toBe(assigned[at - 1]?.planId ?? null));
          const last = assigned.at(-1)?.planId;
          expect((await racing.admin.get(planPath(racing))).data).toMatchObject({ plan_id: last, is_active: true });
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe('W14: who changed what a tenant may use', () => {
  it('stands in the audit log, each change by itself', async () => {
    const audited = await server.tenant();
    await audited.admin.patch(planPath(audited), { plan_id: 'pro' });
    await audited.admin.patch(planPath(audited, '/overrides'), { feature_key: 'feature.tts', enabled: false });
    await audited.admin.delete(planPath(audited, '/overrides/feature.tts'));
    const types = async (): Promise<string[]> => {
      const { data } = await audited.admin.get('/v1/audit/events');
      return (data as { items: { event_type: string }[] }).items.map(({ event_type }) => event_type);
    };
    const expected = ['plan.assigned', 'plan.override.removed', 'plan.override.set'];
    await until('the changes are in the audit log', async () => {
      const seen = await types();
      return expected.every((type) => seen.includes(type));
    });
  });
});

describe('where only platform operators may change what a tenant is given', () => {
  it('its own admins may look and ask, but not change', async () => {
    const strict = await openTestServer({ TENANT_SELF_ADMINISTRATION: 'operator_only' });
    try {
      const own = await strict.tenant({ plan: 'free' });
      for (const refused of [
        await own.admin.patch(planPath(own), { plan_id: 'enterprise' }),
        await own.admin.patch(planPath(own, '/overrides'), { feature_key: 'feature.tts', enabled: true }),
        await own.admin.delete(planPath(own, '/overrides/feature.tts')),
        await own.admin.patch(`/v1/admin/quotas/${own.tenantId}`, { daily_requests_limit: null }),
      ])
        expect(refused).toMatchObject({ status: 403, code: 'AUTH_FORBIDDEN' });
      expect((await own.admin.get(planPath(own))).data).toMatchObject({ plan_id: 'free' });
      expect((await own.admin.post('/v1/self-serve/plan/upgrade-request', { target_plan: 'pro' })).status).toBe(202);
      const raised = await strict.operator('t1').patch(planPath(own), { plan_id: 'pro' });
      expect(raised).toMatchObject({ status: 200, data: { plan_id: 'pro', pending_upgrade: null } });
    } finally {
      await strict.stop();
    }
  });
});

describe('a plan that does not include a retrieval provider', () => {
  const external = { retrieval: { provider: 'aws_bedrock_kb', knowledge_base_id: 'k', region: 'r' } };
  const missing = (feature_key: string) => ({ error: { code: 'FEATURE_NOT_ENABLED', details: { feature_key } } });

  it('lets no corpus have it, by whichever address', async () => {
    await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    expect((await tenant.editor.patch('/v1/corpora/c1', { name: 'Two' })).status).toBe(200);
    const patch = (): ReturnType<typeof tenant.editor.patch> =>
      tenant.editor.patch('/v1/corpora/c1', { provider_config_json: external });
    expect((await patch()).body).toMatchObject(missing('feature.corpora_patch_provider_config'));
    await tenant.admin.patch(planPath(tenant), { plan_id: 'pro' });
    expect((await patch()).body).toMatchObject(missing('feature.retrieval.aws_bedrock'));
    const created = await tenant.editor.post('/v1/corpora', { id: 'c2', name: 'Two', provider_config_json: external });
    expect(created.body).toMatchObject(missing('feature.retrieval.aws_bedrock'));
    await tenant.admin.patch(planPath(tenant), { plan_id: 'enterprise' });
    expect((await patch()).status).toBe(200);
  });

  it('answers no question with it, nor speaks where speech is not included', async () => {
    await tenant.editor.post('/v1/corpora', { id: 'c1', name: 'One' });
    const question = { session_id: 's1', corpus_id: 'c1', message: 'Why?' };
    expect((await tenant.reader.post('/v1/run', { ...question, audio: true })).body).toMatchObject(
      missing('feature.tts'),
    );
    expect((await tenant.reader.post('/v1/run', question)).status).toBe(200);
    await tenant.admin.patch(planPath(tenant, '/overrides'), {
      feature_key: 'feature.retrieval.local_pgvector',
      enabled: false,
    });
    expect((await tenant.reader.post('/v1/run', question)).body).toMatchObject(
      missing('feature.retrieval.local_pgvector'),
    );
  });
});
