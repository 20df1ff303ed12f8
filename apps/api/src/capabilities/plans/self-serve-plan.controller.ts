import { Body, Controller } from '@nestjs/common';
import { PLAN_STREAM_ID, planErrors, plans, type PlanState } from '#domain/capabilities/plans/plans.decider.js';
import type { PlanEvent } from '#domain/capabilities/plans/plans.events.js';
import { tenantPlanRows } from '#domain/capabilities/plans/plans.projection.js';
import { Commands } from '#api/commands/commands.js';
import { QuotaSnapshots } from '#api/commands/quota-snapshots.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import type { CommandOutcome } from '#infra/commands/command-path.js';
import { OwnPlanView, UpgradeAccepted, UpgradeRequest } from './plans.contract.js';
import { PlanQueries } from './plans.queries.js';

/** What the admins of a tenant see of their plan, and how they ask for more. */
@Controller('self-serve/plan')
export class SelfServePlanController {
  constructor(
    private readonly commands: Commands,
    private readonly queries: PlanQueries,
    private readonly quotas: QuotaSnapshots,
  ) {}

  @Endpoint('GET /', {
    does: 'Show the plan of the own tenant, what it may use and what is left of its quota',
    role: 'admin',
    recovery: true,
    view: 'PlanViewed',
    returns: OwnPlanView,
  })
  async get(@Caller() caller: CallerContext): Promise<OwnPlanView> {
    const { tenant_id, plan_id, plan_name, entitlements, pending_upgrade } = await this.queries.get(caller.tenantId);
    const quota = await this.quotas.of(caller.tenantId);
    return { tenant_id, plan_id, plan_name, entitlements, pending_upgrade, quota };
  }

  @Endpoint('POST /upgrade-request', {
    does: 'Ask for a higher plan; asked for again, the open request is the answer',
    role: 'admin',
    recovery: true,
    status: 202,
    audit: 'plan.upgrade_requested',
    returns: UpgradeAccepted,
    waitsFor: [tenantPlanRows.table],
    refuses: [planErrors.notAnUpgrade, planErrors.upgradePending],
  })
  async requestUpgrade(@Body() body: UpgradeRequest, @Caller() caller: CallerContext): Promise<UpgradeAccepted> {
    const reason = body.reason?.trim().toWellFormed() ?? '';
    const data = {
      targetPlan: body.target_plan,
      requestedBy: caller.principal.subjectId,
      ...(reason === '' ? {} : { reason }),
    };
    const outcome = await this.commands.run(plans, PLAN_STREAM_ID, { type: 'RequestPlanUpgrade', data }, caller);
    return { request_id: requestOf(outcome), status: 'pending' };
  }
}

/** The request that this command made, else the open one. */
function requestOf({ events, state }: CommandOutcome<PlanEvent, PlanState>): string {
  const made = events.find((event) => event.type === 'PlanUpgradeRequested');
  const id = made?.data.upgradeRequestId ?? state.pending?.upgradeRequestId;
  if (id === undefined) throw new Error('an upgrade request was accepted and is not there');
  return id;
}
