import { Body, Controller, Param, Query } from '@nestjs/common';
import { apiKeyErrors } from '#domain/capabilities/api-keys/api-keys.decider.js';
import { apiKeyRows, idleDays } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { AdminKeyList, AdminKeyQuery, AdminKeyView, PatchKeyRequest } from './api-keys.contract.js';
import { KeyDesk } from './api-keys.handler.js';
import { adminViewOf, ApiKeyQueries, isExpired } from './api-keys.queries.js';

/** Free of quota and of the write gate, so that a tenant can always end a key that leaked. */
@Controller('admin/api-keys')
export class AdminApiKeysController {
  constructor(
    private readonly desk: KeyDesk,
    private readonly queries: ApiKeyQueries,
  ) {}

  @Endpoint('GET /', {
    does: 'List the keys of the tenant, newest first, with how long they were not used',
    role: 'admin',
    recovery: true,
    returns: AdminKeyList,
  })
  async list(@Query() query: AdminKeyQuery, @Caller() caller: CallerContext): Promise<AdminKeyList> {
    const { tenant_id: tenantId = caller.tenantId, inactive_days: days, include_only_inactive: onlyInactive } = query;
    caller.mayActFor(tenantId);
    const now = Date.now();
    const filter = {
      name: `admin ${String(onlyInactive)} ${days}`,
      keep: (row: Parameters<typeof isExpired>[0] & Parameters<typeof idleDays>[0]) =>
        !onlyInactive || idleDays(row, now) >= days || isExpired(row, now),
    };
    const { rows, next } = await this.queries.list(tenantId, filter, query, caller);
    const items = rows.map((row) => adminViewOf(row, now));
    return { tenant_id: tenantId, inactive_days_threshold: days, items, next_cursor: next };
  }

  @Endpoint('GET /:keyId', {
    does: 'Get a key of the tenant',
    role: 'admin',
    recovery: true,
    returns: AdminKeyView,
    refuses: [apiKeyErrors.notFound],
  })
  get(@Param('keyId') keyId: string, @Caller() caller: CallerContext): Promise<AdminKeyView> {
    return this.queries.get(keyId, caller);
  }

  @Endpoint('PATCH /:keyId', {
    does: 'Rename, limit, expire, disable, enable or revoke a key',
    role: 'admin',
    recovery: true,
    audit: 'auth.api_key.updated',
    returns: AdminKeyView,
    waitsFor: [apiKeyRows.table],
    refuses: [
      apiKeyErrors.notFound,
      apiKeyErrors.alreadyRevoked,
      apiKeyErrors.lastAdmin,
      apiKeyErrors.limitReached,
      apiKeyErrors.activeAndRevoked,
    ],
  })
  async patch(
    @Param('keyId') keyId: string,
    @Body() body: PatchKeyRequest,
    @Caller() caller: CallerContext,
  ): Promise<AdminKeyView> {
    return adminViewOf(await this.desk.update(keyId, body, caller), Date.now());
  }
}
