import type { Limit } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import type { RateDenial } from '#api/http/gates.js';
import type { TakeResult } from '#infra/shared-state/shared-state.js';

/** One bucket and what it said, in requests of the class: a run costs three tokens. */
interface Budget {
  readonly name: string;
  readonly quota: number;
  readonly remaining: number;
  readonly windowS: number | undefined;
  readonly resetS: number | undefined;
}

function budgetOf(name: string, { rps, burst }: Limit, { remaining, fullInMs }: TakeResult, cost: number): Budget {
  const quota = Math.floor(burst / cost);
  return {
    name,
    quota,
    remaining: Math.min(quota, Math.floor(remaining / cost)),
    windowS: rps > 0 ? Math.ceil((quota * cost) / rps) : undefined,
    resetS: Number.isFinite(fullInMs) ? Math.ceil(fullInMs / 1_000) : undefined,
  };
}

const parameter = (name: string, value: number | undefined): string => (value === undefined ? '' : `;${name}=${value}`);

/**
 * `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers (quota, window; remaining, seconds until all
 * of it is there again), and the limit and the rest of whichever bucket has less left.
 */
export function rateHeaders(
  cost: number,
  [key, tenant]: readonly [readonly [Limit, TakeResult], readonly [Limit, TakeResult]],
): Record<string, string> {
  const budgets = [budgetOf('key', ...key, cost), budgetOf('tenant', ...tenant, cost)] as const;
  const [one, other] = budgets;
  const tight = other.remaining < one.remaining ? other : one;
  return {
    'ratelimit-policy': budgets
      .map(({ name, quota, windowS }) => `"${name}";q=${quota}${parameter('w', windowS)}`)
      .join(', '),
    ratelimit: budgets
      .map(({ name, remaining, resetS }) => `"${name}";r=${remaining}${parameter('t', resetS)}`)
      .join(', '),
    'x-ratelimit-limit': String(tight.quota),
    'x-ratelimit-remaining': String(tight.remaining),
  };
}

/** The bucket that refused; of two the one with the longer wait. */
export function rateSaid(buckets: readonly TakeResult[]): { readonly rateDenied?: RateDenial } {
  const [key, tenant] = buckets;
  if (key === undefined || tenant === undefined || (key.allowed && tenant.allowed)) return {};
  const scope = key.allowed || (!tenant.allowed && tenant.retryAfterMs > key.retryAfterMs) ? 'tenant' : 'api_key';
  const { retryAfterMs } = scope === 'tenant' ? tenant : key;
  return { rateDenied: { scope, retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : null } };
}
