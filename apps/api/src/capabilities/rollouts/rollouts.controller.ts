import { Body, Controller, Query } from '@nestjs/common';
import {
  ROLLOUT_STREAM_ID,
  rolloutErrors,
  rollouts,
  type RolloutCommand,
} from '#domain/capabilities/rollouts/rollouts.decider.js';
import { everyPercentage, everySwitch, type RolloutScopes } from '#domain/capabilities/rollouts/rollouts.ports.js';
import { rolloutRows } from '#domain/capabilities/rollouts/rollouts.projection.js';
import { tenantErrors } from '#domain/capabilities/tenants/tenants.decider.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { Commands } from '#api/commands/commands.js';
import { TenantDirectory } from '#api/commands/tenant-directory.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { Rollouts } from '#api/commands/rollouts.js';
import {
  CanaryRequest,
  CanaryView,
  KillSwitchesRequest,
  KillSwitchesView,
  RolloutScopeQuery,
} from './rollouts.contract.js';

const waitsFor = [rolloutRows.table];

/** Platform operators switch for all tenants, other admins for their own; free of quota, so that it works when it must. */
@Controller('admin/rollouts')
export class RolloutsController {
  constructor(
    private readonly commands: Commands,
    private readonly rollouts: Rollouts,
    private readonly tenants: TenantDirectory,
  ) {}

  @Endpoint('GET /killswitches', {
    does: 'Show what is switched off',
    role: 'admin',
    recovery: true,
    refuses: [tenantErrors.notFound],
    returns: KillSwitchesView,
  })
  async killSwitches(@Query() query: RolloutScopeQuery, @Caller() caller: CallerContext): Promise<KillSwitchesView> {
    const tenantId = await this.scopeOf(query, caller);
    return switchesView(tenantId, await this.scopes(tenantId));
  }

  @Endpoint('PATCH /killswitches', {
    does: 'Switch something off or on again',
    role: 'admin',
    recovery: true,
    audit: 'rollout.kill_switch.changed',
    returns: KillSwitchesView,
    waitsFor,
    refuses: [rolloutErrors.nothingKnown, tenantErrors.notFound],
  })
  async changeKillSwitches(
    @Query() query: RolloutScopeQuery,
    @Body() body: KillSwitchesRequest,
    @Caller() caller: CallerContext,
  ): Promise<KillSwitchesView> {
    const tenantId = await this.scopeOf(query, caller);
    const data = { killSwitches: body.kill_switches };
    return switchesView(tenantId, await this.change(tenantId, { type: 'ChangeKillSwitches', data }, caller));
  }

  @Endpoint('GET /canary', {
    does: 'Show which share of the tenants has what is rolled out in part',
    role: 'admin',
    recovery: true,
    refuses: [tenantErrors.notFound],
    returns: CanaryView,
  })
  async canary(@Query() query: RolloutScopeQuery, @Caller() caller: CallerContext): Promise<CanaryView> {
    const tenantId = await this.scopeOf(query, caller);
    return canaryView(tenantId, await this.scopes(tenantId));
  }

  @Endpoint('PATCH /canary', {
    does: 'Change which share of the tenants has what is rolled out in part',
    role: 'admin',
    recovery: true,
    audit: 'rollout.canary.changed',
    returns: CanaryView,
    waitsFor,
    refuses: [rolloutErrors.nothingKnown, tenantErrors.notFound],
  })
  async changeCanary(
    @Query() query: RolloutScopeQuery,
    @Body() body: CanaryRequest,
    @Caller() caller: CallerContext,
  ): Promise<CanaryView> {
    const tenantId = await this.scopeOf(query, caller);
    const data = { percentages: body.canary_percentages };
    return canaryView(tenantId, await this.change(tenantId, { type: 'ChangeCanaries', data }, caller));
  }

  /** The tenant whose switches are meant; `_system` is all of them. */
  private async scopeOf({ tenant_id: asked }: RolloutScopeQuery, caller: CallerContext): Promise<string> {
    if (asked === undefined) return caller.platformOperator ? SYSTEM_TENANT : caller.tenantId;
    if (asked === SYSTEM_TENANT) caller.mayActFor(asked);
    else await this.tenants.require(asked, caller);
    return asked;
  }

  private async change(tenantId: string, command: RolloutCommand, caller: CallerContext): Promise<RolloutScopes> {
    await this.commands.runFor(tenantId, rollouts, ROLLOUT_STREAM_ID, command, caller);
    return this.scopes(tenantId);
  }

  /** Read from the log: as new as it. */
  private async scopes(tenantId: string): Promise<RolloutScopes> {
    const { defaults } = this.rollouts;
    const platform = await this.commands.loadFor(SYSTEM_TENANT, rollouts, ROLLOUT_STREAM_ID);
    if (tenantId === SYSTEM_TENANT) return { defaults, platform, tenant: undefined };
    return { defaults, platform, tenant: await this.commands.loadFor(tenantId, rollouts, ROLLOUT_STREAM_ID) };
  }
}

const nameOf = (tenantId: string): 'global' | 'tenant' => (tenantId === SYSTEM_TENANT ? 'global' : 'tenant');

function switchesView(tenantId: string, scopes: RolloutScopes): KillSwitchesView {
  return { scope: nameOf(tenantId), kill_switches: everySwitch(scopes) };
}

function canaryView(tenantId: string, scopes: RolloutScopes): CanaryView {
  return { scope: nameOf(tenantId), canary_percentages: everyPercentage(scopes) };
}
