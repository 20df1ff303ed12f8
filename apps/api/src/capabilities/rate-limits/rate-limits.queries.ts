import { Injectable } from '@nestjs/common';
import { effectiveLimits, rateLimits } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import type { RateLimitState } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import { limitScopes, routeClasses } from '#domain/capabilities/rate-limits/rate-limits.events.js';
import { tenantErrors, tenants } from '#domain/capabilities/tenants/tenants.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Commands } from '#api/commands/commands.js';
import type { CallerContext } from '#api/http/caller.js';
import type { RateLimitUsesView, RateLimitView, TenantRateLimitsView } from './rate-limits.contract.js';
import { TenantAdmission } from './rate-limits.adapter.js';

/** The rate limits of a tenant, and what is left of them. */
@Injectable()
export class RateLimitQueries {
  constructor(
    private readonly commands: Commands,
    private readonly admission: TenantAdmission,
  ) {}

  /** From the tenant's stream: as new as the log. */
  async get(tenantId: string): Promise<TenantRateLimitsView> {
    return this.viewOf(tenantId, await this.commands.loadFor(tenantId, rateLimits, tenantId));
  }

  /** An operator may act for every tenant, but not for one that nobody registered. */
  async known(tenantId: string, caller: CallerContext): Promise<void> {
    if (tenantId === caller.tenantId) return;
    const { status } = await this.commands.loadFor(tenantId, tenants, tenantId);
    if (status === 'unknown') throw new CatalogueError(tenantErrors.notFound);
  }

  viewOf(tenantId: string, state: RateLimitState): TenantRateLimitsView {
    const { configured } = this.admission;
    const ceiling = effectiveLimits(configured, { operator: state.operator, tenant: [] });
    const inForce = effectiveLimits(configured, state);
    const limits = limitScopes.flatMap((scope) =>
      routeClasses.map((routeClass): RateLimitView => {
        const set = (side: keyof RateLimitState): boolean =>
          state[side].some((limit) => limit.scope === scope && limit.routeClass === routeClass);
        const [most, byDefault] = [ceiling[scope][routeClass], configured[scope][routeClass]];
        return {
          ...{ scope, route_class: routeClass, ...inForce[scope][routeClass] },
          ...{ ceiling_rps: most.rps, ceiling_burst: most.burst },
          ...{ configured_rps: byDefault.rps, configured_burst: byDefault.burst },
          set_by: set('tenant') ? 'tenant' : set('operator') ? 'operator' : null,
        };
      }),
    );
    return { tenant_id: tenantId, limits };
  }

  async uses({ principal, tenantId }: CallerContext): Promise<RateLimitUsesView> {
    const { degraded, levels } = await this.admission.levels(principal);
    const limits = levels.map(({ scope, routeClass, rps, burst, level: { remaining, fullInMs } }) => ({
      ...{ scope, route_class: routeClass, rps, burst, remaining },
      full_in_ms: Number.isFinite(fullInMs) ? fullInMs : null,
    }));
    return { tenant_id: tenantId, enabled: this.admission.enabled, degraded, limits };
  }
}
