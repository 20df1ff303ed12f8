import { accessRows, auditRows } from '#domain/capabilities/capabilities.js';
import { usageDays } from '#domain/capabilities/usage/usage.projection.js';
import type { CallerContext } from '#api/http/caller.js';
import type { QuotaSnapshots } from '#api/commands/quota-snapshots.js';
import type { QuotaBlock, QuotaPeriodView } from '#api/http/quota-view.js';
import type { Database } from '#infra/database/database.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { UiAlert, UiCard, UiPoint, UiSummary } from './ui.contract.js';

export interface DashboardParts {
  readonly models: ReadModels;
  readonly database: Database;
  readonly quotas: QuotaSnapshots;
  /** Resolves when the usage by day shows what this process has served to the tenant, or after a bound. */
  readonly settled: (tenantId: string) => Promise<void>;
}

const DAY_MS = 86_400_000;
const NEWEST = 5;

/** The figures of a tenant's first page. */
export class UiDashboard {
  constructor(private readonly parts: DashboardParts) {}

  async summary(days: number, caller: CallerContext): Promise<UiSummary> {
    const { tenantId } = caller;
    const today = Date.parse(new Date().toISOString().slice(0, 10));
    const dates = Array.from({ length: days }, (_, at) => dateOf(today - (days - 1 - at) * DAY_MS));
    await this.parts.settled(tenantId);
    const [points, hits, quota, newest] = await Promise.all([
      this.requests(tenantId, dates),
      this.rateLimited(tenantId, `${dates[0] ?? dateOf(today)}T00:00:00.000Z`),
      this.parts.quotas.of(tenantId),
      this.newest(tenantId),
    ]);
    const total = points.reduce((sum, { value }) => sum + value, 0);
    const window = days === 1 ? 'Today' : `Last ${days} days`;
    return {
      cards: [
        { id: 'requests', title: 'Requests', value: String(total), subtitle: window },
        quotaCard('quota_day', 'Quota of the day', quota.day),
        quotaCard('quota_month', 'Quota of the month', quota.month),
        { id: 'rate_limits', title: 'Rate-limited requests', value: String(hits), subtitle: window },
      ],
      charts: { requests: { id: 'requests', points } },
      alerts: [...alertsOf(quota, hits), ...newest],
    };
  }

  /** One point a day, also for days without a request. */
  private async requests(tenantId: string, dates: readonly string[]): Promise<readonly UiPoint[]> {
    const { rows } = await this.parts.models
      .for(usageDays)
      .page(tenantId, { where: { id: { in: dates } }, limit: dates.length });
    const used = new Map(rows.map(({ id, requests }) => [id, requests]));
    return dates.map((ts) => ({ ts, value: used.get(ts) ?? 0 }));
  }

  /** A recorded refusal stands for as many as it counts. */
  private async rateLimited(tenantId: string, since: string): Promise<number> {
    const [row] = await this.parts.database.query<{ hits: string }>(
      `select coalesce(sum(coalesce((metadata_json->>'count')::bigint, 1)), 0) as hits
         from read.${accessRows.table}_v${accessRows.version}
        where tenant_id = $1 and event_type = 'security.rate_limited' and occurred_at >= $2::timestamptz`,
      [tenantId, since],
    );
    return Number(row?.hits ?? 0);
  }

  private async newest(tenantId: string): Promise<readonly UiAlert[]> {
    const order = [
      ['occurred_at', 'desc'],
      ['position', 'desc'],
    ] as const;
    const { rows } = await this.parts.models.for(auditRows).page(tenantId, { orderBy: order, limit: NEWEST });
    return rows.map(({ event_type, outcome }, at) => ({
      id: `audit-${at}`,
      message: `${event_type} (${outcome})`,
      severity: 'info',
    }));
  }
}

const dateOf = (instant: number): string => new Date(instant).toISOString().slice(0, 10);

function quotaCard(id: 'quota_day' | 'quota_month', title: string, period: QuotaPeriodView): UiCard {
  const { limit, used, remaining } = period;
  const value = limit === null ? String(used) : `${used} / ${limit}`;
  return { id, title, value, subtitle: remaining === null ? 'Unlimited' : `${remaining} left` };
}

function alertsOf(quota: QuotaBlock, hits: number): readonly UiAlert[] {
  const soft = { id: 'quota-soft-cap', message: 'The soft cap of a quota is reached', severity: 'warning' };
  const limited = { id: 'rate-limit', message: `${hits} requests were rate-limited`, severity: 'info' };
  return [...(quota.soft_cap_reached ? [soft] : []), ...(hits > 0 ? [limited] : [])];
}
