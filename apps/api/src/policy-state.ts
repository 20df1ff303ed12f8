import { apiKeyRows } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { policyRows, type PolicyRow } from '#domain/capabilities/authorization/authorization.projection.js';
import { tenantPlanRows, type TenantPlanRow } from '#domain/capabilities/plans/plans.projection.js';
import { rateLimitRows, type RateLimitRow } from '#domain/capabilities/rate-limits/rate-limits.projection.js';
import { quotaRows } from '#domain/capabilities/quotas/quotas.projection.js';
import { usageCounters, type CounterRow } from '#domain/capabilities/usage/usage.projection.js';
import { rolloutRows, type RolloutRow } from '#domain/capabilities/rollouts/rollouts.projection.js';
import { WRITE_FREEZE_STREAM } from '#domain/capabilities/write-freeze/write-freeze.decider.js';
import { writeFreezeRows, type WriteFreezeRow } from '#domain/capabilities/write-freeze/write-freeze.projection.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import type { RowOf } from '#domain/kernel/projection.js';
import type { HotState, HotStates } from '#infra/hot-state/hot-state.js';

/** Policy that every request needs, in memory: no request pays a query for it, and a change is in force within milliseconds. */
export class PolicyState {
  readonly keys: HotState<RowOf<typeof apiKeyRows.columns>>;
  readonly plans: HotState<TenantPlanRow>;
  readonly rollouts: HotState<RolloutRow>;
  readonly rateLimits: HotState<RateLimitRow>;
  private readonly writeFreeze: HotState<WriteFreezeRow>;
  readonly quotas: HotState<RowOf<typeof quotaRows.columns>>;
  /** Policies of access, of each tenant and of all. */
  readonly access: HotState<PolicyRow>;
  /** What each tenant has used of its quota. */
  readonly usage: HotState<CounterRow>;

  constructor(private readonly hot: HotStates) {
    this.keys = hot.add(apiKeyRows, { indexBy: ['key_hash'] });
    this.plans = hot.add(tenantPlanRows);
    this.rollouts = hot.add(rolloutRows);
    this.quotas = hot.add(quotaRows);
    this.usage = hot.add(usageCounters);
    this.rateLimits = hot.add(rateLimitRows);
    this.access = hot.add(policyRows, { indexBy: ['tenant_id'] });
    this.writeFreeze = hot.add(writeFreezeRows);
  }

  /** Whether the writes of all tenants are frozen. */
  frozen(): boolean {
    return this.writeFreeze.get(SYSTEM_TENANT, WRITE_FREEZE_STREAM)?.frozen === true;
  }

  /** True for a read model that is kept in memory. */
  keeps(table: string): boolean {
    return this.hot.keeps(table);
  }

  /** True when memory has passed a position of the log, after at most `timeoutMs`. */
  catchUp(position: string, timeoutMs: number): Promise<boolean> {
    return this.hot.catchUp(position, timeoutMs);
  }
}
