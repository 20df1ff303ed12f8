import type { QuotaLimits, QuotaState, UsedByLog } from '#api/http/gates.js';
import type { CounterResult } from '#infra/shared-state/shared-state.js';

/** The request counters of a tenant as one admission left them. */
export interface QuotaCounts {
  readonly limits: QuotaLimits;
  readonly day: CounterResult;
  readonly month: CounterResult;
}

type Period = QuotaState['period'];

const limitOf = ({ limits }: QuotaCounts, period: Period): number | null =>
  period === 'day' ? limits.dailyRequests : limits.monthlyRequests;

/** The X-Quota headers: for an admitted request with its own units, for a refused one without. */
export function quotaHeaders(counts: QuotaCounts): Record<string, string> {
  const { limits, day, month } = counts;
  return {
    ...periodHeaders('day', limits.dailyRequests, day.after),
    ...periodHeaders('month', limits.monthlyRequests, month.after),
    'x-quota-softcap-reached': String(softCaps(counts).length > 0),
    'x-quota-hardcap-mode': limits.hardCap ? 'enforce' : 'observe',
  };
}

function periodHeaders(period: Period, limit: number | null, used: number): Record<string, string> {
  return {
    [`x-quota-${period}-limit`]: limit === null ? 'unlimited' : String(limit),
    [`x-quota-${period}-used`]: String(used),
    [`x-quota-${period}-remaining`]: limit === null ? 'unlimited' : String(Math.max(0, limit - used)),
  };
}

/** The periods whose soft cap is reached. */
export function softCaps(counts: QuotaCounts): QuotaState[] {
  return (['day', 'month'] as const).flatMap((period) => {
    const limit = limitOf(counts, period);
    const used = counts[period].after;
    if (limit === null || limit <= 0 || used < limit * counts.limits.softCapRatio) return [];
    return [{ period, metric: 'requests', used, limit }];
  });
}

/** What the quota says to so many units, and to the tokens that are used already. */
export function quotaSaid(
  counts: QuotaCounts,
  units: number,
  tokens: QuotaState | undefined,
): { readonly quotaDenied?: QuotaState; readonly overage?: QuotaState } {
  const over = tokens ?? (units > 0 ? requestsOver(counts) : undefined);
  if (over === undefined) return {};
  return counts.limits.hardCap ? { quotaDenied: over } : { overage: over };
}

/** The request limit that the units do not fit below: the month's before the day's. */
function requestsOver(counts: QuotaCounts): QuotaState | undefined {
  for (const period of ['month', 'day'] as const) {
    const limit = limitOf(counts, period);
    if (limit !== null && counts[period].over) return { period, metric: 'requests', used: counts[period].after, limit };
  }
  return undefined;
}

/** The token limit that is used up: the month's before the day's. What a run will need is not known before it. */
export function tokensOver(
  { dailyTokens, monthlyTokens }: QuotaLimits,
  used: Readonly<Record<Period, UsedByLog>>,
): QuotaState | undefined {
  if (monthlyTokens !== null && used.month.tokens >= monthlyTokens)
    return { period: 'month', metric: 'tokens', used: used.month.tokens, limit: monthlyTokens };
  if (dailyTokens !== null && used.day.tokens >= dailyTokens)
    return { period: 'day', metric: 'tokens', used: used.day.tokens, limit: dailyTokens };
  return undefined;
}
