import { CatalogueError } from '#domain/kernel/errors.js';
import type { CallerContext } from '#api/http/caller.js';
import { httpErrors } from '#api/http/errors.js';

/** Who may change what a tenant is given: its plan, its features, its quotas. */
export class SelfAdministration {
  constructor(private readonly rule: 'allow' | 'operator_only') {}

  /** Refuses who may not: other tenants always, and the tenant's own admins where only platform operators may. */
  require(tenantId: string, caller: CallerContext): void {
    caller.mayActFor(tenantId);
    if (this.rule === 'operator_only' && !caller.platformOperator) throw new CatalogueError(httpErrors.forbidden);
  }
}
