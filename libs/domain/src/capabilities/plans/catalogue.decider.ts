import type { JsonObject } from '../../kernel/schema.js';
import { featureKeys, type FeatureKey } from './features.events.js';

/** The plans, from the least to the most; each can only be upgraded to one that stands after it. */
export const planIds = ['free', 'pro', 'enterprise'] as const;
export type PlanId = (typeof planIds)[number];

/** The plan of a tenant that was assigned none. */
export const DEFAULT_PLAN: PlanId = 'free';

export const planNames: Readonly<Record<PlanId, string>> = { free: 'Free', pro: 'Pro', enterprise: 'Enterprise' };

const everyPlan = planIds;
const paid = ['pro', 'enterprise'] as const;
const enterpriseOnly = ['enterprise'] as const;

const plansWith: Readonly<Record<FeatureKey, readonly PlanId[]>> = {
  'feature.audit_access': paid,
  'feature.billing_webhook_test': paid,
  'feature.chargeback_reports': enterpriseOnly,
  'feature.corpora_patch_provider_config': paid,
  'feature.cost_controls': paid,
  'feature.cost_visibility': paid,
  'feature.high_quota_tier': enterpriseOnly,
  'feature.identity.jit': enterpriseOnly,
  'feature.identity.scim': enterpriseOnly,
  'feature.identity.sso': paid,
  'feature.ops_admin_access': paid,
  'feature.retrieval.aws_bedrock': enterpriseOnly,
  'feature.retrieval.gcp_vertex': paid,
  'feature.retrieval.local_pgvector': everyPlan,
  'feature.tts': paid,
};

const providerFeatures: Readonly<Record<string, FeatureKey>> = {
  local_pgvector: 'feature.retrieval.local_pgvector',
  aws_bedrock_kb: 'feature.retrieval.aws_bedrock',
  gcp_vertex: 'feature.retrieval.gcp_vertex',
};

/** What a tenant was given beside its plan; null follows the plan. */
export interface FeatureOverride {
  readonly enabled: boolean | null;
  readonly configJson: JsonObject | null;
}

export type FeatureOverrides = Readonly<Partial<Record<FeatureKey, FeatureOverride>>>;

/** What a tenant may use, as it follows from its plan and its overrides. */
export interface Entitlement {
  readonly featureKey: FeatureKey;
  readonly enabled: boolean;
  readonly configJson: JsonObject | null;
}

export function isPlanId(text: string): text is PlanId {
  return (planIds as readonly string[]).includes(text);
}

export function isFeatureKey(text: string): text is FeatureKey {
  return (featureKeys as readonly string[]).includes(text);
}

export function isUpgrade(from: string, to: PlanId): boolean {
  return planIds.indexOf(to) > planIds.indexOf(knownPlan(from));
}

export function planIncludes(planId: string, feature: FeatureKey): boolean {
  return plansWith[feature].includes(knownPlan(planId));
}

/** Field by field: an override that says nothing follows the plan. */
export function isEntitled(planId: string, overrides: FeatureOverrides, feature: FeatureKey): boolean {
  return overrides[feature]?.enabled ?? planIncludes(planId, feature);
}

/** All 15 features, sorted by key. */
export function entitlementsOf(planId: string, overrides: FeatureOverrides): readonly Entitlement[] {
  return featureKeys.map((featureKey) => ({
    featureKey,
    enabled: isEntitled(planId, overrides, featureKey),
    configJson: overrides[featureKey]?.configJson ?? null,
  }));
}

/** The feature that a retrieval provider needs; undefined for a provider that nobody knows. */
export function retrievalFeature(provider: string): FeatureKey | undefined {
  return Object.hasOwn(providerFeatures, provider) ? providerFeatures[provider] : undefined;
}

/** A plan that this build does not know gives no more than the default one. */
function knownPlan(planId: string): PlanId {
  return isPlanId(planId) ? planId : DEFAULT_PLAN;
}
