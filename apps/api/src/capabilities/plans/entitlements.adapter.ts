import { DEFAULT_PLAN, isEntitled } from '#domain/capabilities/plans/catalogue.decider.js';
import type { FeatureKey } from '#domain/capabilities/plans/features.events.js';
import { overridesOf, type TenantPlanRow } from '#domain/capabilities/plans/plans.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { httpErrors } from '#api/http/errors.js';
import type { Entitlements } from '#api/http/gates.js';
import { HotStateUnavailable, type HotState } from '#infra/hot-state/hot-state.js';

/** What a tenant's plan includes, from memory; where memory is too old, from the table, and 503 where that is away too. */
export class PlanEntitlements implements Entitlements {
  constructor(private readonly rows: HotState<TenantPlanRow>) {}

  enabled(tenantId: string, feature: FeatureKey): boolean | Promise<boolean> {
    if (this.rows.isFresh(tenantId, tenantId)) return includes(this.rows.get(tenantId, tenantId), feature);
    return this.checked(tenantId, feature);
  }

  private async checked(tenantId: string, feature: FeatureKey): Promise<boolean> {
    try {
      return includes(await this.rows.getOrCheck(tenantId, tenantId), feature);
    } catch (error) {
      if (!(error instanceof HotStateUnavailable)) throw error;
      throw new CatalogueError(httpErrors.unavailable, undefined, { cause: error });
    }
  }
}

function includes(row: TenantPlanRow | undefined, feature: FeatureKey): boolean {
  return isEntitled(row?.plan_id ?? DEFAULT_PLAN, row === undefined ? {} : overridesOf(row), feature);
}
