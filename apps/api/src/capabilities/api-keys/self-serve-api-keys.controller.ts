import { Body, Controller, Param, Query } from '@nestjs/common';
import { apiKeyErrors } from '#domain/capabilities/api-keys/api-keys.decider.js';
import { apiKeyRows, idleDays, type ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { PageQuery } from '#api/http/paging.js';
import {
  CreatedKeyView,
  CreateKeyRequest,
  InactiveKeyReport,
  InactiveQuery,
  KeyList,
  KeyView,
} from './api-keys.contract.js';
import { KeyDesk } from './api-keys.handler.js';
import { ApiKeyQueries, inactiveViewOf, isExpired, viewOf } from './api-keys.queries.js';

const waitsFor = [apiKeyRows.table];

@Controller('self-serve/api-keys')
export class SelfServeApiKeysController {
  constructor(
    private readonly desk: KeyDesk,
    private readonly queries: ApiKeyQueries,
  ) {}

  @Endpoint('POST /', {
    does: 'Create a key of a new user; the answer is the only place that shows it',
    role: 'admin',
    recovery: true,
    audit: 'selfserve.api_key.created',
    returns: CreatedKeyView,
    waitsFor,
    refuses: [apiKeyErrors.limitReached],
  })
  create(@Body() body: CreateKeyRequest, @Caller() caller: CallerContext): Promise<CreatedKeyView> {
    return this.desk.create(body, caller);
  }

  @Endpoint('GET /', {
    does: 'List the keys of the tenant, newest first, also those that ended',
    role: 'admin',
    recovery: true,
    view: 'ApiKeysListed',
    returns: KeyList,
  })
  async list(@Query() query: PageQuery, @Caller() caller: CallerContext): Promise<KeyList> {
    const { rows, next } = await this.queries.list(caller.tenantId, { name: 'all', keep: () => true }, query, caller);
    return { items: rows.map(viewOf), next_cursor: next };
  }

  @Endpoint('POST /:keyId/revoke', {
    does: 'End a key for ever; again changes nothing',
    role: 'admin',
    recovery: true,
    audit: 'selfserve.api_key.revoked',
    returns: KeyView,
    waitsFor,
    refuses: [apiKeyErrors.notFound, apiKeyErrors.lastAdmin],
  })
  async revoke(@Param('keyId') keyId: string, @Caller() caller: CallerContext): Promise<KeyView> {
    return viewOf(await this.desk.revoke(keyId, caller));
  }

  @Endpoint('GET /inactive-report', {
    does: 'List keys that were not used for long, or have expired, and are not revoked',
    role: 'admin',
    recovery: true,
    view: 'InactiveKeysReported',
    returns: InactiveKeyReport,
  })
  async inactive(@Query() query: InactiveQuery, @Caller() caller: CallerContext): Promise<InactiveKeyReport> {
    const days = query.inactive_days ?? this.desk.reportedDays;
    const now = Date.now();
    const keep = (row: ApiKeyRow): boolean =>
      row.revoked_at === null && (idleDays(row, now) >= days || isExpired(row, now));
    const { rows, next } = await this.queries.list(caller.tenantId, { name: `inactive ${days}`, keep }, query, caller);
    const items = rows.map((row) => inactiveViewOf(row, now));
    return { inactive_days_threshold: days, items, next_cursor: next };
  }
}
