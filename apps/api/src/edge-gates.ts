import { AccessRecorder } from '#infra/access-log/access-recorder.js';
import type { Config } from '#infra/config/config.js';
import type { Platform } from '#infra/platform/platform.js';
import { viewName } from '#infra/projections/read-table.js';
import { FallbackBuckets } from '#infra/shared-state/fallback-take.js';

import { documentAclRows } from '#domain/capabilities/authorization/authorization.projection.js';
import { DEFAULT_PLAN } from '#domain/capabilities/plans/catalogue.decider.js';

import { Authorization, type AuthorizationSettings } from './commands/authorization.js';
import { PolicySets } from './commands/policy-sets.js';
import { UsageWriter } from './capabilities/usage/usage-writer.adapter.js';
import { UsageMeter } from './capabilities/usage/usage.adapter.js';
import { PlanEntitlements } from './capabilities/plans/entitlements.adapter.js';
import { configuredLimits, LimitTables } from './capabilities/rate-limits/limit-tables.adapter.js';
import { TenantAdmission } from './capabilities/rate-limits/rate-limits.adapter.js';
import type { AccessLog, Entitlements, QuotaSource, WriteGate } from './http/gates.js';
import type { PolicyState } from './policy-state.js';

/** The gates that capabilities give to the pipeline. */
export interface EdgeGates {
  readonly access: AccessLog & Pick<AccessRecorder, 'stats'>;
  readonly admission: TenantAdmission;
  readonly entitlements: Entitlements;
  readonly writeGate: WriteGate;
  readonly authorization: Authorization;
  /** What was used and may be used, for the admission. */
  readonly meter: UsageMeter;
  readonly usageWriter: UsageWriter;
  /** Writes down what waits: usage, access events. */
  stop(): Promise<void>;
}

/** Builds the gates of an api process over its platform and its policy in memory. */
export function openGates(platform: Platform, policy: PolicyState): EdgeGates {
  const { log, processId, path } = platform;
  const onError = (error: unknown): void => platform.options.onProblem(error, 'usage');
  const usageWriter = new UsageWriter({ log, processId, onError });
  const meter = new UsageMeter({ quotas: policy.quotas, counters: policy.usage, writer: usageWriter, path, onError });
  const access = openRecorder(platform);
  const stop = async (): Promise<void> => {
    await meter.stop();
    await access.stop();
  };
  const admission = openAdmission(platform, policy, meter);
  return {
    access,
    admission,
    entitlements: new PlanEntitlements(policy.plans),
    writeGate: policy,
    authorization: openAuthorization(platform, policy, access),
    meter,
    usageWriter,
    stop,
  };
}

/** Records who came and who was refused in the access log. */
function openRecorder({ accessLog, config, registry, options }: Platform): AccessRecorder {
  return new AccessRecorder({
    log: accessLog,
    versionOf: (type) => registry.definition(type)?.version ?? 1,
    windowMs: config.audit.AUDIT_REPEAT_WINDOW_SECONDS * 1_000,
    onProblem: (error) => options.onProblem(error, 'access log'),
  });
}

export function settingsOf({ authorization }: Config): AuthorizationSettings {
  return {
    abac: authorization.AUTHZ_ABAC_ENABLED,
    defaultDeny: authorization.AUTHZ_DEFAULT_DENY,
    adminBypass: authorization.AUTHZ_ADMIN_BYPASS_DOCUMENT_ACL,
    sharesNew: authorization.AUTHZ_SHARE_NEW_DOCUMENTS,
  };
}

function openAuthorization({ config }: Platform, policy: PolicyState, access: AccessRecorder): Authorization {
  return new Authorization({
    sets: new PolicySets(policy.access),
    planOf: (tenantId) => policy.plans.get(tenantId, tenantId)?.plan_id ?? DEFAULT_PLAN,
    access,
    settings: settingsOf(config),
    acls: viewName(documentAclRows.table, documentAclRows.version),
  });
}

function openAdmission({ config, stores }: Platform, policy: PolicyState, quotas: QuotaSource): TenantAdmission {
  const { RATE_LIMIT_ENABLED: enabled, RL_FAIL_MODE: failMode } = config.rateLimit;
  return new TenantAdmission({
    buckets: new FallbackBuckets(stores.rates),
    limits: new LimitTables(configuredLimits(config.rateLimit), policy.rateLimits),
    quotas,
    settings: { enabled, failClosed: failMode === 'closed' },
  });
}
