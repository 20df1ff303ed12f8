import { CatalogueError } from '#domain/kernel/errors.js';
import { limitScopes, routeClasses } from '#domain/capabilities/rate-limits/rate-limits.events.js';
import type { Limit, LimitTable } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import { httpErrors } from '#api/http/errors.js';
import type {
  Admission,
  AdmissionRequest,
  Admitted,
  QuotaLimits,
  QuotaSource,
  QuotaState,
  UsedByLog,
} from '#api/http/gates.js';
import type { Principal } from '#api/http/principal.js';
import type { FallbackAdmit, FallbackBuckets } from '#infra/shared-state/fallback-take.js';
import type { AdmitAsked, Counter } from '#infra/shared-state/shared-state.js';
import { bucketOf, costOf, type BucketLevel } from './buckets.adapter.js';
import type { LimitTables } from './limit-tables.adapter.js';
import { quotaHeaders, quotaSaid, softCaps, tokensOver, type QuotaCounts } from './quota-verdict.adapter.js';
import { rateHeaders, rateSaid } from './rate-headers.adapter.js';

export interface AdmissionDeps {
  readonly buckets: FallbackBuckets;
  readonly limits: LimitTables;
  readonly quotas: QuotaSource;
  readonly settings: {
    readonly enabled: boolean;
    /** Refuse what the shared buckets cannot count, rather than count in this process alone. */
    readonly failClosed: boolean;
  };
  /** Wall clock in ms, for the periods of the quota. */
  readonly now?: () => number;
}

/** The UTC day and month of a request, each by its first day. */
interface Periods {
  readonly day: string;
  readonly month: string;
}

/** One request on its way through `TenantAdmission`. */
interface Asked {
  readonly request: AdmissionRequest;
  readonly cost: number;
  /** What is reserved of the quota. */
  readonly units: number;
  readonly pair: readonly [Limit, Limit];
  readonly limits: QuotaLimits;
  readonly start: Periods;
  readonly keys: readonly string[];
  readonly tokens: QuotaState | undefined;
}

const DAY_MS = 86_400_000;
/** Longer than a period by more than clocks differ. */
const KEEP_MS = { day: 2 * DAY_MS, month: 33 * DAY_MS };

const FREE: Admitted = {
  rateHeaders: {},
  quotaHeaders: {},
  degraded: false,
  served: () => undefined,
  giveBack: () => undefined,
};

/** Lets requests in: both rate buckets and the quota of the tenant in one step, without waiting where no store is shared. */
export class TenantAdmission implements Admission {
  private today = { number: Number.NaN, start: { day: '', month: '' } };
  /** The newest shared counts of each tenant: where this process counts on from when it has to count alone. */
  private readonly seen = new Map<string, Periods & { readonly used: readonly [number, number] }>();

  constructor(private readonly deps: AdmissionDeps) {}

  /** What holds for tenants for whom nothing is set. */
  get configured(): LimitTable {
    return this.deps.limits.configured;
  }

  /** False: no request is limited, and only quotas count. */
  get enabled(): boolean {
    return this.deps.settings.enabled;
  }

  admit(request: AdmissionRequest): Admitted | Promise<Admitted> {
    if (request.principal.authMethod === 'operator') return FREE;
    const asked = this.asked(request);
    const shared = this.stateOf(asked, false);
    const found = this.deps.buckets.admit(shared, () => this.stateOf(asked, true));
    return found instanceof Promise ? found.then((result) => this.verdict(asked, result)) : this.verdict(asked, found);
  }

  /** What every bucket of a caller holds now. */
  async levels(principal: Principal): Promise<{ readonly degraded: boolean; readonly levels: readonly BucketLevel[] }> {
    const table = this.deps.limits.of(principal.tenantId);
    const all = limitScopes.flatMap((scope) => routeClasses.map((routeClass) => ({ scope, routeClass })));
    const buckets = all.map(({ scope, routeClass }) =>
      bucketOf(scope, principal, routeClass, table[scope][routeClass]),
    );
    const found = await this.deps.buckets.admit({ buckets, cost: 0, counters: [] });
    const levels = all.flatMap(({ scope, routeClass }, index) => {
      const level = found.buckets[index];
      return level === undefined ? [] : [{ scope, routeClass, ...table[scope][routeClass], level }];
    });
    return { degraded: found.degraded, levels };
  }

  private asked(request: AdmissionRequest): Asked {
    const { principal, rateClass, reserves } = request;
    const { tenantId } = principal;
    const { quotas, limits: tables } = this.deps;
    const table = tables.of(tenantId);
    const limits = quotas.limitsOf(tenantId);
    const start = this.periods();
    const tokens = reserves && rateClass === 'run' ? tokensOver(limits, this.used(tenantId, start)) : undefined;
    const cost = costOf(rateClass);
    return {
      request,
      cost,
      units: reserves && (tokens === undefined || !limits.hardCap) ? cost : 0,
      pair: [table.api_key[rateClass], table.tenant[rateClass]],
      limits,
      start,
      keys: [`${tenantId}:day:${start.day}`, `${tenantId}:month:${start.month}`],
      tokens,
    };
  }

  private stateOf({ request, cost, units, pair, limits, start, keys }: Asked, alone: boolean): AdmitAsked {
    const { principal, rateClass } = request;
    const { tenantId } = principal;
    const used = this.used(tenantId, start);
    const seen = alone ? this.seenOf(tenantId, start) : [0, 0];
    const counter = (period: 'day' | 'month', index: 0 | 1, limit: number | null): Counter => ({
      key: keys[index] ?? '',
      limit,
      floor: Math.max(used[period].units, seen[index] ?? 0),
      enforced: limits.hardCap && units > 0,
      needs: units,
      adds: units,
      ttlMs: KEEP_MS[period],
    });
    const [key, tenant] = pair;
    return {
      buckets: this.deps.settings.enabled
        ? [bucketOf('api_key', principal, rateClass, key), bucketOf('tenant', principal, rateClass, tenant)]
        : [],
      cost,
      counters: [counter('day', 0, limits.dailyRequests), counter('month', 1, limits.monthlyRequests)],
    };
  }

  private verdict(asked: Asked, result: FallbackAdmit): Admitted {
    const { enabled, failClosed } = this.deps.settings;
    if (result.degraded && enabled && failClosed) throw new CatalogueError(httpErrors.rateLimitUnavailable);
    const [day, month] = result.counters;
    if (day === undefined || month === undefined) throw new Error('the counters gave no answer');
    if (!result.degraded)
      this.seen.set(asked.request.principal.tenantId, { ...asked.start, used: [day.after, month.after] });
    const counts = { limits: asked.limits, day, month };
    const said = { ...rateSaid(result.buckets), ...quotaSaid(counts, asked.units, asked.tokens) };
    const degraded = result.degraded && enabled;
    return {
      rateHeaders: enabled ? headersOf(asked, result, degraded) : {},
      quotaHeaders: quotaHeaders(counts),
      ...said,
      degraded,
      ...this.settlement(asked, counts, said, result.degraded),
    };
  }

  /** The units are used, or given back, whichever is said first. */
  private settlement(
    { request, units, keys, start }: Asked,
    counts: QuotaCounts,
    { rateDenied, quotaDenied }: Pick<Admitted, 'rateDenied' | 'quotaDenied'>,
    degraded: boolean,
  ): Pick<Admitted, 'served' | 'giveBack'> {
    const { quotas, buckets } = this.deps;
    const { principal, rateClass, route } = request;
    const refused = rateDenied !== undefined || quotaDenied !== undefined;
    if (rateDenied === undefined && quotaDenied !== undefined)
      quotas.capReached('hard', principal.tenantId, { ...quotaDenied, start: start[quotaDenied.period] });
    let settled = refused;
    return {
      served: () => {
        if (settled) return;
        settled = true;
        quotas.served(principal, rateClass, route, units);
        if (units === 0) return;
        for (const state of softCaps(counts))
          quotas.capReached('soft', principal.tenantId, { ...state, start: start[state.period] });
      },
      giveBack: () => {
        if (settled) return;
        settled = true;
        if (units > 0) buckets.giveBack(keys, units, KEEP_MS.month, degraded);
      },
    };
  }

  private used(tenantId: string, start: Periods): Record<'day' | 'month', UsedByLog> {
    const { quotas } = this.deps;
    return {
      day: quotas.usedByLog(tenantId, 'day', start.day),
      month: quotas.usedByLog(tenantId, 'month', start.month),
    };
  }

  private seenOf(tenantId: string, { day, month }: Periods): readonly [number, number] {
    const seen = this.seen.get(tenantId);
    return [seen?.day === day ? seen.used[0] : 0, seen?.month === month ? seen.used[1] : 0];
  }

  private periods(): Periods {
    const now = (this.deps.now ?? Date.now)();
    const number = Math.floor(now / DAY_MS);
    if (number !== this.today.number) {
      const day = new Date(number * DAY_MS).toISOString().slice(0, 10);
      this.today = { number, start: { day, month: `${day.slice(0, 7)}-01` } };
      this.seen.clear();
    }
    return this.today.start;
  }
}

function headersOf({ pair, cost }: Asked, { buckets }: FallbackAdmit, degraded: boolean): Record<string, string> {
  const [key, tenant] = buckets;
  if (key === undefined || tenant === undefined) return {};
  const headers = rateHeaders(cost, [
    [pair[0], key],
    [pair[1], tenant],
  ]);
  return degraded ? { ...headers, 'x-ratelimit-status': 'degraded' } : headers;
}
