import type { JsonObject } from '#domain/kernel/schema.js';
import { hidden, type Database } from '#infra/database/database.js';

/** How a fair job stands in its queue: pg-boss takes the highest priority first, and of equals the oldest. */
export interface Turn {
  readonly priority: number;
  readonly group: { readonly id: string };
}

interface LineRow {
  readonly tenant: string;
  /** The turn of the tenant's last waiting job. */
  readonly last: number | null;
  /** The turn that is being served. */
  readonly served: number | null;
}

/**
 * Turns as in start-time fair queueing: a tenant's jobs stand one turn behind each other, and the first of them in the
 * turn that is being served, however many others have. Nobody waits for more than one job of each other tenant before each
 * of its own, and nobody saves up turns by being away. Written down as negative priorities.
 */
export class FairTurns {
  constructor(private readonly database: Database) {}

  /** The turns of new jobs, in order; those without a tenant share one line. In the caller's transaction. */
  async of(queue: string, jobs: readonly { readonly data: JsonObject }[]): Promise<readonly Turn[]> {
    const tenants = jobs.map(({ data }) => (typeof data['tenantId'] === 'string' ? data['tenantId'] : '-'));
    const name = hidden('$1::text');
    const rows = await this.database.queryPrepared<LineRow>(
      `select t.tenant,
              (select -j.priority from pgboss.job_common j
                where j.name = ${name} and j.state < 'active' and j.group_id = t.tenant order by j.priority limit 1) as last,
              (select -j.priority from pgboss.job_common j
                where j.name = ${name} and j.state < 'active' and not j.blocked and j.start_after <= now()
                order by j.priority desc limit 1) as served
         from unnest(${hidden('$2::text[]')}) t(tenant)`,
      [queue, [...new Set(tenants)]],
    );
    const next = new Map(rows.map(({ tenant, last, served }) => [tenant, Math.max(served ?? 1, (last ?? 0) + 1)]));
    return tenants.map((tenant) => {
      const turn = next.get(tenant) ?? 1;
      next.set(tenant, turn + 1);
      return { priority: -turn, group: { id: tenant } };
    });
  }
}
