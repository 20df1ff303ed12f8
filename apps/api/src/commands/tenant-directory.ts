import { Injectable } from '@nestjs/common';
import { tenantErrors, tenants } from '#domain/capabilities/tenants/tenants.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { isTenantId } from '#domain/kernel/streams.js';
import type { CallerContext } from '#api/http/caller.js';
import { Commands } from './commands.js';

/** Which tenants there are, for the addresses that name one. */
@Injectable()
export class TenantDirectory {
  constructor(private readonly commands: Commands) {}

  /** Refuses a tenant that the caller may not act for, and one that nobody registered. */
  async require(tenantId: string, caller: CallerContext): Promise<void> {
    caller.mayActFor(tenantId);
    if (tenantId === caller.tenantId) return;
    if (!isTenantId(tenantId)) throw new CatalogueError(tenantErrors.notFound);
    const { status } = await this.commands.loadFor(tenantId, tenants, tenantId);
    if (status === 'unknown') throw new CatalogueError(tenantErrors.notFound);
  }
}
