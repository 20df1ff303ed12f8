import type { QuotaLimits, QuotaSource, UsedByLog } from '#api/http/gates.js';
import type { QuotaBlock, QuotaPeriodView } from '#api/http/quota-view.js';

export interface QuotaSnapshotParts {
  readonly source: Pick<QuotaSource, 'limitsOf' | 'usedByLog'>;
  /** Resolves when memory holds what this process has served to the tenant up to now, or after a bound. */
  readonly settled: (tenantId: string) => Promise<void>;
  /** Wall clock in ms. */
  readonly now?: () => number;
}

/** What is left of tenants' quotas now, for every answer that shows it. */
export class QuotaSnapshots {
  constructor(private readonly parts: QuotaSnapshotParts) {}

  /** The quota block of a tenant, with the caller's own requests up to now. */
  async of(tenantId: string): Promise<QuotaBlock> {
    await this.parts.settled(tenantId);
    const { source, now = Date.now } = this.parts;
    const today = new Date(now()).toISOString().slice(0, 10);
    const limits = source.limitsOf(tenantId);
    const day = source.usedByLog(tenantId, 'day', today);
    const month = source.usedByLog(tenantId, 'month', `${today.slice(0, 7)}-01`);
    return {
      day: periodOf(limits.dailyRequests, day),
      month: periodOf(limits.monthlyRequests, month),
      soft_cap_reached: isOver(limits, limits.dailyRequests, day) || isOver(limits, limits.monthlyRequests, month),
      hard_cap_mode: limits.hardCap ? 'enforce' : 'observe',
    };
  }
}

function periodOf(limit: number | null, { units: used }: UsedByLog): QuotaPeriodView {
  return { limit, used, remaining: limit === null ? null : Math.max(0, limit - used) };
}

function isOver({ softCapRatio }: QuotaLimits, limit: number | null, { units }: UsedByLog): boolean {
  return limit !== null && limit > 0 && units >= limit * softCapRatio;
}
