import { recorded, specify } from '../../kernel/testing/given.js';
import { foldRow } from '../../kernel/projection.js';
import { entitlementsOf, isEntitled, planIds, planIncludes, retrievalFeature } from './catalogue.decider.js';
import { featureKeys } from './features.events.js';
import { planErrors, plans } from './plans.decider.js';
import type { PlanEvent } from './plans.events.js';
import { tenantPlanRows } from './plans.projection.js';

const now = '2026-01-02T03:04:05.678Z';
const newId = '01900000-0000-7000-8000-000000000001';

const assign = (planId: string) => ({ type: 'AssignPlan', data: { planId } }) as const;
const assigned = (planId: string, previousPlanId: string | null = null): PlanEvent => ({
  type: 'PlanAssigned',
  data: { tenantId: 't1', planId, previousPlanId, effectiveFrom: now },
});
const ttsOn: PlanEvent = {
  type: 'FeatureOverrideSet',
  data: { featureKey: 'feature.tts', enabled: true, configJson: { voices: ['nova'] } },
};
const ask = (targetPlan: 'pro' | 'enterprise', reason?: string) =>
  ({
    type: 'RequestPlanUpgrade',
    data: { targetPlan, requestedBy: 'ada', ...(reason === undefined ? {} : { reason }) },
  }) as const;
const asked = (targetPlan: string, currentPlan = 'free'): PlanEvent => ({
  type: 'PlanUpgradeRequested',
  data: { upgradeRequestId: newId, currentPlan, targetPlan, requestedBy: 'ada' },
});

describe('the catalogue of plans', () => {
  it('gives each plan all that the one before it has', () => {
    for (const feature of featureKeys) {
      const has = planIds.map((plan) => planIncludes(plan, feature));
      expect([feature, ...has]).toEqual([feature, ...has.toSorted()]);
    }
  });

  it('counts 1 feature for free, 10 for pro and 15 for enterprise', () => {
    const counts = planIds.map((plan) => featureKeys.filter((feature) => planIncludes(plan, feature)).length);
    expect(counts).toEqual([1, 10, 15]);
  });

  it('gives no more than free to a plan that it does not know', () => {
    for (const feature of featureKeys) expect(planIncludes('gold', feature)).toBe(planIncludes('free', feature));
  });

  it('names the feature of each retrieval provider, and of nothing else', () => {
    expect(['local_pgvector', 'aws_bedrock_kb', 'gcp_vertex', 'toString'].map(retrievalFeature)).toEqual([
      'feature.retrieval.local_pgvector',
      'feature.retrieval.aws_bedrock',
      'feature.retrieval.gcp_vertex',
      undefined,
    ]);
  });

  it('lets an override speak field by field, and lists all 15 features in order', () => {
    const overrides = { 'feature.tts': { enabled: null, configJson: { a: 1 } } } as const;
    expect(isEntitled('free', overrides, 'feature.tts')).toBe(false);
    expect(isEntitled('pro', overrides, 'feature.tts')).toBe(true);
    const all = entitlementsOf('pro', { ...overrides, 'feature.audit_access': { enabled: false, configJson: null } });
    expect(all.map(({ featureKey }) => featureKey)).toEqual(featureKeys.toSorted());
    expect(all.find(({ featureKey }) => featureKey === 'feature.tts')).toMatchObject({
      enabled: true,
      configJson: { a: 1 },
    });
    expect(all.find(({ featureKey }) => featureKey === 'feature.audit_access')?.enabled).toBe(false);
  });
});

describe('the plan of a tenant', () => {
  it('is assigned, and assigned again changes nothing', () => {
    specify(plans).given().when(assign('pro')).then(assigned('pro'));
    specify(plans).given(assigned('pro')).when(assign('pro')).thenNothing();
    specify(plans).given(assigned('pro')).when(assign('free')).then(assigned('free', 'pro'));
  });

  it('is never one that is not in the catalogue', () => {
    specify(plans).given().when(assign('gold')).refuses(planErrors.notFound);
  });
});

describe('an override', () => {
  const set = (data: { enabled?: boolean | null; configJson?: null }) =>
    ({ type: 'SetFeatureOverride', data: { featureKey: 'feature.tts', ...data } }) as const;

  it('keeps what a patch leaves out', () => {
    specify(plans)
      .given(ttsOn)
      .when(set({ enabled: false }))
      .then({
        type: 'FeatureOverrideSet',
        data: { featureKey: 'feature.tts', enabled: false, configJson: { voices: ['nova'] } },
      });
  });

  it('is removed when it says nothing any more', () => {
    const removed: PlanEvent = { type: 'FeatureOverrideRemoved', data: { featureKey: 'feature.tts' } };
    specify(plans)
      .given(ttsOn)
      .when(set({ enabled: null, configJson: null }))
      .then(removed);
    const remove = { type: 'RemoveFeatureOverride', data: { featureKey: 'feature.tts' } } as const;
    specify(plans).given(ttsOn).when(remove).then(removed);
    specify(plans).given(ttsOn, removed).when(remove).thenNothing();
  });

  it('is of a feature that exists', () => {
    const data = { featureKey: 'feature.none', enabled: true };
    specify(plans).given().when({ type: 'SetFeatureOverride', data }).refuses(planErrors.unknownFeature);
    specify(plans).given().when({ type: 'RemoveFeatureOverride', data }).refuses(planErrors.unknownFeature);
  });
});

describe('an upgrade', () => {
  it('is asked for once: the open request stands, and another target waits for its decision', () => {
    specify(plans).given().when(ask('pro')).then(asked('pro'));
    specify(plans).given(asked('pro')).when(ask('pro')).thenNothing();
    specify(plans)
      .given(asked('pro'))
      .when(ask('enterprise'))
      .refuses(planErrors.upgradePending, { request_id: newId, target_plan: 'pro' });
  });

  it('is decided by an assignment, whichever plan that gives', () => {
    specify(plans)
      .given(assigned('free'), asked('enterprise'), assigned('pro', 'free'))
      .when(ask('enterprise'))
      .then(asked('enterprise', 'pro'));
  });

  it('goes up', () => {
    specify(plans).given(assigned('pro')).when(ask('pro')).refuses(planErrors.notAnUpgrade, { current_plan: 'pro' });
    specify(plans).given(assigned('enterprise')).when(ask('pro')).refuses(planErrors.notAnUpgrade);
  });
});

describe('the row of a tenant', () => {
  it('holds the plan, the overrides and the open request', () => {
    const history = [asked('pro'), ttsOn, assigned('pro')];
    const rows = history.reduce<ReturnType<typeof foldRow>[]>(
      (all, event) => [...all, foldRow(tenantPlanRows, recorded(event), all.at(-1) as never)],
      [],
    );
    expect(rows[0]).toMatchObject({ plan_id: null, pending_upgrade: { targetPlan: 'pro', requestedAt: now } });
    expect(rows[2]).toEqual({
      id: 't1',
      tenant_id: 't1',
      plan_id: 'pro',
      effective_from: now,
      overrides: { 'feature.tts': { enabled: true, configJson: { voices: ['nova'] } } },
      pending_upgrade: null,
    });
  });
});
