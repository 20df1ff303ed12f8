/** The 15 features that a plan may include, in the order of the generated table. */
export const featureKeys = [
  'feature.audit_access',
  'feature.billing_webhook_test',
  'feature.chargeback_reports',
  'feature.corpora_patch_provider_config',
  'feature.cost_controls',
  'feature.cost_visibility',
  'feature.high_quota_tier',
  'feature.identity.jit',
  'feature.identity.scim',
  'feature.identity.sso',
  'feature.ops_admin_access',
  'feature.retrieval.aws_bedrock',
  'feature.retrieval.gcp_vertex',
  'feature.retrieval.local_pgvector',
  'feature.tts',
] as const;

export type FeatureKey = (typeof featureKeys)[number];
