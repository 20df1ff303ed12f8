import { defineDecider, type Decision } from '../../kernel/decider.js';
import { defineErrors, refuse, type Refusal } from '../../kernel/errors.js';
import { limitScopes, routeClasses } from './rate-limits.events.js';
import type { LimitScope, RateLimitEvent, RouteClass, TenantLimit } from './rate-limits.events.js';

export const rateLimitErrors = defineErrors('rate-limits', {
  twice: ['validation', 'RATE_LIMIT_TWICE', 'A limit is given twice'],
  lockout: ['validation', 'RATE_LIMIT_LOCKOUT', 'This limit would let no change through, not even its own'],
  aboveCeiling: ['forbidden', 'RATE_LIMIT_ABOVE_CEILING', 'Only an operator of the platform may raise this limit'],
});

/** The bucket of one scope and class: `rps` tokens a second, at most `burst` of them. */
export interface Limit {
  readonly rps: number;
  readonly burst: number;
}

export type LimitTable = Readonly<Record<LimitScope, Readonly<Record<RouteClass, Limit>>>>;

export interface ChangeRateLimits {
  readonly type: 'ChangeRateLimits';
  readonly data: {
    readonly by: 'operator' | 'tenant';
    readonly limits: readonly TenantLimit[];
    /** What holds for tenants for whom nobody set anything. */
    readonly configured: LimitTable;
  };
}

/** What each side has set. The operator's limits are the ceiling of the tenant's own. */
export interface RateLimitState {
  readonly operator: readonly TenantLimit[];
  readonly tenant: readonly TenantLimit[];
}

/** One stream a tenant, which is named by the tenant. */
export const rateLimits = defineDecider<ChangeRateLimits, RateLimitEvent, RateLimitState>({
  category: 'rateLimits',
  initial: { operator: [], tenant: [] },
  decide: ({ data }, state, { tenantId }) => change(data, state, tenantId),
  evolve: (state, { data }) => ({ ...state, [data.by]: data.limits }),
});

const nameOf = ({ scope, routeClass }: Pick<TenantLimit, 'scope' | 'routeClass'>): string => `${scope}/${routeClass}`;

function change(
  { by, limits, configured }: ChangeRateLimits['data'],
  state: RateLimitState,
  tenantId: string,
): Decision<RateLimitEvent> {
  if (new Set(limits.map(nameOf)).size < limits.length) return refuse(rateLimitErrors.twice);
  const ceiling = effectiveLimits(configured, { operator: state.operator, tenant: [] });
  const refusals = by === 'tenant' ? limits.flatMap((limit) => mayNotSet(limit, ceiling) ?? []) : [];
  if (refusals[0] !== undefined) return refusals[0];
  const before = state[by];
  const same = limits.length === before.length && limits.every((limit) => before.some((other) => equal(limit, other)));
  return same ? [] : [{ type: 'RateLimitsChanged', data: { tenantId, by, limits } }];
}

function mayNotSet({ scope, routeClass, rps, burst }: TenantLimit, ceiling: LimitTable): Refusal | undefined {
  const most = ceiling[scope][routeClass];
  const place = { scope, route_class: routeClass };
  if (rps > most.rps || burst > most.burst)
    return refuse(rateLimitErrors.aboveCeiling, { ...place, ceiling_rps: most.rps, ceiling_burst: most.burst });
  if (routeClass === 'mutation' && (rps <= 0 || burst < 1)) return refuse(rateLimitErrors.lockout, place);
  return undefined;
}

function equal(one: TenantLimit, other: TenantLimit): boolean {
  return nameOf(one) === nameOf(other) && one.rps === other.rps && one.burst === other.burst;
}

/** The limits in force: the configured ones, which the operator's replace, and below them the tenant's own. */
export function effectiveLimits(configured: LimitTable, { operator, tenant }: RateLimitState): LimitTable {
  const one = (scope: LimitScope, routeClass: RouteClass): Limit => {
    const set = (list: readonly TenantLimit[]): TenantLimit | undefined =>
      list.find((limit) => limit.scope === scope && limit.routeClass === routeClass);
    const ceiling = set(operator) ?? configured[scope][routeClass];
    const own = set(tenant) ?? ceiling;
    return { rps: Math.min(ceiling.rps, own.rps), burst: Math.min(ceiling.burst, own.burst) };
  };
  return limitTable(one);
}

/** A table from what `limit` says of each scope and class. */
export function limitTable(limit: (scope: LimitScope, routeClass: RouteClass) => Limit): LimitTable {
  const classes = (scope: LimitScope): Record<RouteClass, Limit> =>
    Object.fromEntries(routeClasses.map((name) => [name, limit(scope, name)])) as Record<RouteClass, Limit>;
  return Object.fromEntries(limitScopes.map((scope) => [scope, classes(scope)])) as LimitTable;
}
