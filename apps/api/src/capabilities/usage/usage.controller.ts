import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Controller, Param, Query, StreamableFile } from '@nestjs/common';
import { tenantErrors } from '#domain/capabilities/tenants/tenants.decider.js';
import { TenantDirectory } from '#api/commands/tenant-directory.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import type { Page } from '#api/http/paging.js';
import {
  AdminUsageQuery,
  AdminUsageView,
  DetailsQuery,
  ExportQuery,
  PeriodQuery,
  PeriodUsageView,
  TimeseriesQuery,
  TimeseriesView,
  UsageDetailView,
  UsageSummaryView,
  WindowQuery,
} from './usage.contract.js';
import { exportText } from './usage-export.queries.js';
import { UsageQueries, usageTables } from './usage.queries.js';

const TYPES = { csv: 'text/csv', jsonl: 'application/jsonl' } as const;

@Controller()
export class UsageController {
  constructor(
    private readonly queries: UsageQueries,
    private readonly tenants: TenantDirectory,
  ) {}

  @Endpoint('GET /admin/usage/:tenantId', {
    does: 'Get the quota units and tokens that a tenant used in a day or month',
    role: 'admin',
    view: 'UsageViewed',
    recovery: true,
    returns: AdminUsageView,
    waitsFor: usageTables,
    refuses: [tenantErrors.notFound],
  })
  async period(
    @Param('tenantId') tenantId: string,
    @Query() query: AdminUsageQuery,
    @Caller() caller: CallerContext,
  ): Promise<AdminUsageView> {
    await this.tenants.require(tenantId, caller);
    return this.queries.period(tenantId, query, caller);
  }

  @Endpoint('GET /self-serve/usage/summary', {
    does: 'Get what the tenant used in a window of days, and what is left of its quota',
    role: 'admin',
    view: 'UsageViewed',
    returns: UsageSummaryView,
    waitsFor: usageTables,
  })
  summary(@Query() query: WindowQuery, @Caller() caller: CallerContext): Promise<UsageSummaryView> {
    return this.queries.summary(query.window_days, caller);
  }

  @Endpoint('GET /self-serve/usage/timeseries', {
    does: 'Get what the tenant used, day by day or minute by minute',
    role: 'admin',
    view: 'UsageViewed',
    returns: TimeseriesView,
    waitsFor: usageTables,
  })
  timeseries(@Query() query: TimeseriesQuery, @Caller() caller: CallerContext): Promise<TimeseriesView> {
    return this.queries.timeseries(query, caller);
  }

  @Endpoint('GET /usage/summary', {
    does: 'Get what was used in a day or month, by endpoint and resource',
    role: 'admin',
    view: 'UsageViewed',
    returns: PeriodUsageView,
    waitsFor: usageTables,
    refuses: [tenantErrors.notFound],
  })
  async used(@Query() query: PeriodQuery, @Caller() caller: CallerContext): Promise<PeriodUsageView> {
    return this.queries.used(await this.tenantOf(query, caller), query, caller);
  }

  @Endpoint('GET /usage/details', {
    does: 'List what was used of one resource, minute by minute',
    role: 'admin',
    view: 'UsageViewed',
    returns: [UsageDetailView],
    waitsFor: usageTables,
    refuses: [tenantErrors.notFound],
  })
  async details(@Query() query: DetailsQuery, @Caller() caller: CallerContext): Promise<Page<UsageDetailView>> {
    return this.queries.details(await this.tenantOf(query, caller), query, caller);
  }

  /** `X-Usage-Positions` names the positions of the log that the file follows from: the same positions give the same digest. */
  @Endpoint('GET /usage/export', {
    does: 'Export what a tenant used in a month, for billing, with the digest of the file and the positions of the log it follows from',
    role: 'admin',
    view: 'UsageViewed',
    bare: true,
    produces: [TYPES.csv, TYPES.jsonl],
    sends: ['Repr-Digest', 'X-Usage-Positions'],
    waitsFor: usageTables,
    refuses: [tenantErrors.notFound],
  })
  async export(@Query() query: ExportQuery, @Caller() caller: CallerContext): Promise<StreamableFile> {
    const tenantId = await this.tenantOf(query, caller);
    const exported = await this.queries.exported(tenantId, query, caller);
    const digest = createHash('sha256');
    for (const text of exportText(exported, query.format)) digest.update(text);
    caller.setHeader('repr-digest', `sha-256=:${digest.digest('base64')}:`);
    caller.setHeader(
      'x-usage-positions',
      exported.at.map(({ table, position }) => `${table}="${position}"`).join(', '),
    );
    const name = `usage-${tenantId}-${exported.first.slice(0, 7)}.${query.format}`;
    return new StreamableFile(Readable.from(exportText(exported, query.format)), {
      type: `${TYPES[query.format]}; charset=utf-8`,
      disposition: `attachment; filename="${name}"`,
    });
  }

  private async tenantOf(query: { readonly tenant_id?: string }, caller: CallerContext): Promise<string> {
    const tenantId = query.tenant_id ?? caller.tenantId;
    await this.tenants.require(tenantId, caller);
    return tenantId;
  }
}
