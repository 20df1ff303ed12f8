import type { PolicyRow } from '#domain/capabilities/authorization/authorization.projection.js';
import { PolicySet, type StoredPolicy } from '#domain/capabilities/authorization/policies.ports.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { httpErrors } from '#api/http/errors.js';
import { HotStateUnavailable, type HotState } from '#infra/hot-state/hot-state.js';

/** Tenants whose policies are kept understood at one time. */
const MOST_SETS = 10_000;

/** The policies of each tenant, understood once and kept in memory; a change is in force with the event that tells of it. */
export class PolicySets {
  private readonly sets = new Map<string, PolicySet>();

  constructor(private readonly rows: HotState<PolicyRow>) {
    rows.onChange(({ before, after }) => {
      const tenantId = after?.tenant_id ?? before?.tenant_id;
      if (tenantId === undefined || tenantId === SYSTEM_TENANT) this.sets.clear();
      else this.sets.delete(tenantId);
    });
  }

  /** At once while memory is current; else from the table, and 503 when that is away too. */
  of(tenantId: string): PolicySet | Promise<PolicySet> {
    if (!this.rows.isCurrent) return this.asked(tenantId);
    const known = this.sets.get(tenantId);
    if (known !== undefined) return known;
    const stored = [SYSTEM_TENANT, tenantId].flatMap((of) => this.rows.findBy('tenant_id', of));
    const set = new PolicySet(stored.map(policyOf));
    if (this.sets.size >= MOST_SETS) this.sets.clear();
    this.sets.set(tenantId, set);
    return set;
  }

  private async asked(tenantId: string): Promise<PolicySet> {
    try {
      const global = await this.rows.findByOrCheck('tenant_id', SYSTEM_TENANT);
      return new PolicySet([...global, ...(await this.rows.findByOrCheck('tenant_id', tenantId))].map(policyOf));
    } catch (error) {
      if (!(error instanceof HotStateUnavailable)) throw error;
      throw new CatalogueError(httpErrors.unavailable, undefined, { cause: error });
    }
  }
}

/** A policy as a row tells it. */
export function policyOf(row: PolicyRow): StoredPolicy {
  const { id: policyId, effect, resource_type: resourceType, action, condition, priority, enabled } = row;
  return { policyId, effect, resourceType, action, condition, priority, enabled };
}
