import { Injectable } from '@nestjs/common';
import type { PolicyState } from '#domain/capabilities/authorization/authorization.decider.js';
import { policyRows, type PolicyRow } from '#domain/capabilities/authorization/authorization.projection.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { decodeCursor, encodeCursor } from '#api/http/paging.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { PolicyListQuery, PolicyListView, PolicyView } from './authorization.contract.js';

/** More than a tenant, or the platform, may have. */
const ALL = 1_000;

/** The policies of a tenant, with those that concern all. */
@Injectable()
export class PolicyQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
  ) {}

  /** By priority from the highest, then by id, disabled ones too. */
  async list({ include_global, limit, cursor }: PolicyListQuery, caller: CallerContext): Promise<PolicyListView> {
    await this.reads.before(policyRows.table, caller);
    const rows = await this.all(caller.tenantId, include_global);
    const filters = ['authz_policies', caller.tenantId, include_global];
    const after = decodeCursor(cursor, filters);
    const left = after === undefined ? rows : rows.filter((row) => inOrder(placeOf(row), after) > 0);
    const shown = left.slice(0, limit);
    const last = shown.at(-1);
    const next_cursor = left.length > limit && last !== undefined ? encodeCursor(placeOf(last), filters) : null;
    return { items: shown.map(viewOfRow), next_cursor };
  }

  /** All that could decide something for a tenant. */
  async all(tenantId: string, withGlobal = true): Promise<readonly PolicyRow[]> {
    const model = this.models.for(policyRows);
    const own = await model.page(tenantId, { limit: ALL });
    const global = withGlobal ? await model.page(SYSTEM_TENANT, { limit: ALL }) : { rows: [] };
    return [...own.rows, ...global.rows].toSorted((a, b) => inOrder(placeOf(a), placeOf(b)));
  }

  /** What a command left, from its own decision: never older than itself, also when the read model is late. */
  async written(tenantId: string, policy: PolicyState, caller: CallerContext): Promise<PolicyView> {
    const row = await this.models.for(policyRows).find(tenantId, policy.policyId);
    const { now } = caller.facts;
    return {
      id: policy.policyId,
      tenant_id: shownTenant(tenantId),
      name: policy.name,
      version: policy.version,
      effect: policy.effect,
      resource_type: policy.resourceType,
      action: policy.action,
      condition_json: policy.condition as object | null,
      priority: policy.priority,
      enabled: policy.enabled,
      created_by: policy.createdBy,
      created_at: row?.created_at ?? now,
      updated_at: row?.updated_at ?? now,
    };
  }
}

type Place = readonly (string | number)[];

const placeOf = ({ priority, id }: PolicyRow): Place => [priority, id];

function inOrder([priorityA, idA]: Place, [priorityB, idB]: Place): number {
  return Number(priorityB) - Number(priorityA) || (String(idA) < String(idB) ? -1 : idA === idB ? 0 : 1);
}

const shownTenant = (tenantId: string): string | null => (tenantId === SYSTEM_TENANT ? null : tenantId);

function viewOfRow(row: PolicyRow): PolicyView {
  const { id, name, effect, resource_type, action, priority, enabled, created_by, created_at, updated_at } = row;
  return {
    id,
    tenant_id: shownTenant(row.tenant_id),
    name,
    version: row.policy_version,
    effect,
    resource_type,
    action,
    condition_json: row.condition as object | null,
    priority,
    enabled,
    created_by,
    created_at,
    updated_at,
  };
}
