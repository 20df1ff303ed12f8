import { Body, Controller, Param } from '@nestjs/common';
import { rateLimitErrors, rateLimits } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import type { ChangeRateLimits } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import { rateLimitRows } from '#domain/capabilities/rate-limits/rate-limits.projection.js';
import { tenantErrors } from '#domain/capabilities/tenants/tenants.decider.js';
import { Commands } from '#api/commands/commands.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { PutRateLimitsRequest, RateLimitUsesView, TenantRateLimitsView } from './rate-limits.contract.js';
import { RateLimitQueries } from './rate-limits.queries.js';
import { TenantAdmission } from './rate-limits.adapter.js';

@Controller()
export class RateLimitsController {
  constructor(
    private readonly commands: Commands,
    private readonly queries: RateLimitQueries,
    private readonly admission: TenantAdmission,
  ) {}

  @Endpoint('GET /admin/rate-limits/:tenantId', {
    does: 'Get the rate limits of a tenant',
    role: 'admin',
    recovery: true,
    returns: TenantRateLimitsView,
    refuses: [tenantErrors.notFound],
  })
  async get(@Param('tenantId') tenantId: string, @Caller() caller: CallerContext): Promise<TenantRateLimitsView> {
    caller.mayActFor(tenantId);
    await this.queries.known(tenantId, caller);
    return this.queries.get(tenantId);
  }

  @Endpoint('PUT /admin/rate-limits/:tenantId', {
    does: 'Set the rate limits of a tenant: as a platform operator its ceiling, as its admin what it uses of that',
    role: 'admin',
    recovery: true,
    audit: 'rate_limits.changed',
    returns: TenantRateLimitsView,
    waitsFor: [rateLimitRows.table],
    refuses: [tenantErrors.notFound, rateLimitErrors.twice, rateLimitErrors.lockout, rateLimitErrors.aboveCeiling],
  })
  async put(
    @Param('tenantId') tenantId: string,
    @Body() { limits: asked }: PutRateLimitsRequest,
    @Caller() caller: CallerContext,
  ): Promise<TenantRateLimitsView> {
    caller.mayActFor(tenantId);
    await this.queries.known(tenantId, caller);
    const limits = asked.map(({ scope, route_class: routeClass, rps, burst }) => ({ scope, routeClass, rps, burst }));
    const by = caller.platformOperator ? 'operator' : 'tenant';
    const { configured } = this.admission;
    const command: ChangeRateLimits = { type: 'ChangeRateLimits', data: { by, limits, configured } };
    const { state } = await this.commands.runFor(tenantId, rateLimits, tenantId, command, caller);
    return this.queries.viewOf(tenantId, state);
  }

  @Endpoint('GET /usage/rate-limits', {
    does: 'See what is left of the rate limits of this key and its tenant',
    role: 'reader',
    returns: RateLimitUsesView,
  })
  uses(@Caller() caller: CallerContext): Promise<RateLimitUsesView> {
    return this.queries.uses(caller);
  }
}
