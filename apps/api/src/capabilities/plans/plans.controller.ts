import { Body, Controller, Param } from '@nestjs/common';
import { PLAN_STREAM_ID, planErrors, plans, type PlanCommand } from '#domain/capabilities/plans/plans.decider.js';
import { tenantPlanRows } from '#domain/capabilities/plans/plans.projection.js';
import { tenantErrors } from '#domain/capabilities/tenants/tenants.decider.js';
import { Commands } from '#api/commands/commands.js';
import { SelfAdministration } from '#api/commands/self-administration.js';
import { TenantDirectory } from '#api/commands/tenant-directory.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { AssignPlanRequest, FeatureOverrideRequest, PlanView, TenantPlanView } from './plans.contract.js';
import { PlanQueries, viewOfPlan } from './plans.queries.js';

const waitsFor = [tenantPlanRows.table];

/** Free of quota, so that a tenant whose plan allows too little can be helped. */
@Controller('admin/plans')
export class PlansController {
  constructor(
    private readonly commands: Commands,
    private readonly queries: PlanQueries,
    private readonly administration: SelfAdministration,
    private readonly tenants: TenantDirectory,
  ) {}

  @Endpoint('GET /', {
    does: 'List the plans with their features',
    role: 'admin',
    recovery: true,
    returns: [PlanView],
  })
  list(): readonly PlanView[] {
    return this.queries.catalogue();
  }

  @Endpoint('GET /:tenantId', {
    does: 'Get the plan of a tenant and what it may use',
    role: 'admin',
    recovery: true,
    returns: TenantPlanView,
    refuses: [tenantErrors.notFound],
  })
  async get(@Param('tenantId') tenantId: string, @Caller() caller: CallerContext): Promise<TenantPlanView> {
    await this.tenants.require(tenantId, caller);
    return this.queries.get(tenantId);
  }

  @Endpoint('PATCH /:tenantId', {
    does: 'Assign a plan to a tenant',
    role: 'admin',
    recovery: true,
    audit: 'plan.assigned',
    returns: TenantPlanView,
    waitsFor,
    refuses: [planErrors.notFound, tenantErrors.notFound],
  })
  assign(
    @Param('tenantId') tenantId: string,
    @Body() body: AssignPlanRequest,
    @Caller() caller: CallerContext,
  ): Promise<TenantPlanView> {
    return this.change(tenantId, { type: 'AssignPlan', data: { planId: body.plan_id } }, caller);
  }

  @Endpoint('PATCH /:tenantId/overrides', {
    does: 'Give or deny a tenant one feature, whatever its plan says',
    role: 'admin',
    recovery: true,
    audit: 'plan.override.set',
    returns: TenantPlanView,
    waitsFor,
    refuses: [planErrors.unknownFeature, tenantErrors.notFound],
  })
  override(
    @Param('tenantId') tenantId: string,
    @Body() body: FeatureOverrideRequest,
    @Caller() caller: CallerContext,
  ): Promise<TenantPlanView> {
    const { feature_key: featureKey, enabled, config_json: configJson } = body;
    const data = {
      featureKey,
      ...(enabled === undefined ? {} : { enabled }),
      ...(configJson === undefined ? {} : { configJson }),
    };
    return this.change(tenantId, { type: 'SetFeatureOverride', data }, caller);
  }

  @Endpoint('DELETE /:tenantId/overrides/:featureKey', {
    does: 'Let a feature follow the plan again',
    role: 'admin',
    recovery: true,
    audit: 'plan.override.removed',
    returns: TenantPlanView,
    waitsFor,
    refuses: [planErrors.unknownFeature, tenantErrors.notFound],
  })
  removeOverride(
    @Param('tenantId') tenantId: string,
    @Param('featureKey') featureKey: string,
    @Caller() caller: CallerContext,
  ): Promise<TenantPlanView> {
    return this.change(tenantId, { type: 'RemoveFeatureOverride', data: { featureKey } }, caller);
  }

  private async change(tenantId: string, command: PlanCommand, caller: CallerContext): Promise<TenantPlanView> {
    this.administration.require(tenantId, caller);
    await this.tenants.require(tenantId, caller);
    const { state } = await this.commands.runFor(tenantId, plans, PLAN_STREAM_ID, command, caller);
    return viewOfPlan(tenantId, state);
  }
}
