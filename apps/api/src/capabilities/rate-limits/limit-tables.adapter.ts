import { effectiveLimits, limitTable } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import type { LimitTable, RateLimitState } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import type { RateLimitRow } from '#domain/capabilities/rate-limits/rate-limits.projection.js';
import type { TenantLimit } from '#domain/capabilities/rate-limits/rate-limits.events.js';
import type { Config } from '#infra/config/config.js';
import type { HotState } from '#infra/hot-state/hot-state.js';

/** What the configuration says for every tenant. */
export function configuredLimits(config: Config['rateLimit']): LimitTable {
  return limitTable((scope, routeClass) => {
    const name = `RL_${scope === 'api_key' ? 'KEY' : 'TENANT'}_${upper(routeClass)}` as const;
    return { rps: config[`${name}_RPS`], burst: config[`${name}_BURST`] };
  });
}

function upper<const W extends string>(word: W): Uppercase<W> {
  return word.toUpperCase() as Uppercase<W>;
}

/** The limits in force of every tenant, from memory. */
export class LimitTables {
  private readonly known = new WeakMap<RateLimitRow, LimitTable>();

  constructor(
    readonly configured: LimitTable,
    private readonly rows: Pick<HotState<RateLimitRow>, 'get'>,
  ) {}

  of(tenantId: string): LimitTable {
    const row = this.rows.get(tenantId, tenantId);
    if (row === undefined) return this.configured;
    const known = this.known.get(row);
    if (known !== undefined) return known;
    const table = effectiveLimits(this.configured, stateOf(row));
    this.known.set(row, table);
    return table;
  }
}

/** What each side has set, from the row of a tenant. */
export function stateOf(row: RateLimitRow): RateLimitState {
  return { operator: row.operator as unknown as TenantLimit[], tenant: row.tenant as unknown as TenantLimit[] };
}
