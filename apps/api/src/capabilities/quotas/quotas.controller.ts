import { Body, Controller, Param } from '@nestjs/common';
import {
  QUOTA_STREAM_ID,
  quotaErrors,
  quotas,
  type ChangeQuota,
  type Quota,
} from '#domain/capabilities/quotas/quotas.decider.js';
import { quotaRows } from '#domain/capabilities/quotas/quotas.projection.js';
import { tenantErrors } from '#domain/capabilities/tenants/tenants.decider.js';
import { Commands } from '#api/commands/commands.js';
import { SelfAdministration } from '#api/commands/self-administration.js';
import { TenantDirectory } from '#api/commands/tenant-directory.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { PatchQuotaRequest, QuotaView } from './quotas.contract.js';

/** Free of quota, so that a tenant that has used up its own can be helped. */
@Controller('admin/quotas')
export class QuotasController {
  constructor(
    private readonly commands: Commands,
    private readonly tenants: TenantDirectory,
    private readonly administration: SelfAdministration,
  ) {}

  @Endpoint('GET /:tenantId', {
    does: 'Get the quota of a tenant',
    role: 'admin',
    recovery: true,
    returns: QuotaView,
    refuses: [tenantErrors.notFound],
  })
  async get(@Param('tenantId') tenantId: string, @Caller() caller: CallerContext): Promise<QuotaView> {
    await this.tenants.require(tenantId, caller);
    const { quota } = await this.commands.loadFor(tenantId, quotas, QUOTA_STREAM_ID);
    return viewOf(tenantId, quota);
  }

  @Endpoint('PATCH /:tenantId', {
    does: 'Change the quota of a tenant',
    role: 'admin',
    recovery: true,
    audit: 'quota.updated',
    returns: QuotaView,
    waitsFor: [quotaRows.table],
    refuses: [tenantErrors.notFound, quotaErrors.invalidLimit, quotaErrors.invalidRatio],
  })
  async patch(
    @Param('tenantId') tenantId: string,
    @Body() body: PatchQuotaRequest,
    @Caller() caller: CallerContext,
  ): Promise<QuotaView> {
    this.administration.require(tenantId, caller);
    await this.tenants.require(tenantId, caller);
    const command: ChangeQuota = { type: 'ChangeQuota', data: changesOf(body) };
    const { state } = await this.commands.runFor(tenantId, quotas, QUOTA_STREAM_ID, command, caller);
    return viewOf(tenantId, state.quota);
  }
}

function changesOf(body: PatchQuotaRequest): Partial<Quota> {
  const asked = {
    dailyRequests: body.daily_requests_limit,
    monthlyRequests: body.monthly_requests_limit,
    dailyTokens: body.daily_tokens_limit,
    monthlyTokens: body.monthly_tokens_limit,
    softCapRatio: body.soft_cap_ratio,
    hardCap: body.hard_cap_enabled,
  };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
}

function viewOf(tenantId: string, quota: Quota): QuotaView {
  return {
    tenant_id: tenantId,
    daily_requests_limit: quota.dailyRequests,
    monthly_requests_limit: quota.monthlyRequests,
    daily_tokens_limit: quota.dailyTokens,
    monthly_tokens_limit: quota.monthlyTokens,
    soft_cap_ratio: quota.softCapRatio,
    hard_cap_enabled: quota.hardCap,
  };
}
