import { usageDays, usageMinutes, usageStorage } from '#domain/capabilities/usage/usage.projection.js';
import type { UsageRow, UsedBy } from '#domain/capabilities/usage/usage.projection.js';
import type { QuotaSnapshots } from '#api/commands/quota-snapshots.js';
import type { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { invalid } from '#api/http/errors.js';
import { Page } from '#api/http/paging.js';
import type { Position } from '#infra/event-log/event-log.js';
import type {
  AdminUsageQuery,
  AdminUsageView,
  DetailsQuery,
  ExportQuery,
  Metric,
  PeriodQuery,
  PeriodUsageView,
  PointView,
  Resource,
  TimeseriesQuery,
  TimeseriesView,
  UsageDetailView,
  UsageSummaryView,
} from './usage.contract.js';
import type { Exported } from './usage-export.queries.js';
import { apiCalls, byClass, runsUsed, storedByDay, tokensUsed, total } from './usage-sums.queries.js';
import { dayAfter, midnight, type ReadAt, type UsageTables } from './usage-tables.queries.js';

/** Read models that an answer about usage waits for, up to the caller's own last request. */
export const usageTables = [usageDays.table, usageMinutes.table, usageStorage.table];

export interface UsageQueryParts {
  readonly tables: UsageTables;
  /** Writes what this process served to a tenant, and gives the position after it. */
  readonly written: (tenantId: string) => Promise<Position | null>;
  readonly reads: ReadYourWrites;
  readonly snapshots: QuotaSnapshots;
  /** Wall clock in ms. */
  readonly now?: () => number;
}

const MINUTE_MS = 60_000;
const MOST_MINUTE_DAYS = 7;
const MOST_STORAGE_DAYS = 400;

/** What was used, with the caller's own requests up to now. */
export class UsageQueries {
  constructor(private readonly parts: UsageQueryParts) {}

  async period(tenantId: string, query: AdminUsageQuery, caller: CallerContext): Promise<AdminUsageView> {
    const { first, last } = spanOf(query.period, realDay(query.start, 'start'));
    await this.settle(tenantId, caller);
    const rows = await this.parts.tables.days(tenantId, first, last);
    const { input, output } = tokensUsed(rows);
    return {
      tenant_id: tenantId,
      period_type: query.period,
      period_start: first,
      requests_count: total(rows, 'units'),
      estimated_tokens_count: input + output,
    };
  }

  async summary(windowDays: number, caller: CallerContext): Promise<UsageSummaryView> {
    const { tenantId } = caller;
    const { tables, snapshots } = this.parts;
    const today = this.today();
    const first = dayAfter(today, 1 - windowDays);
    await this.settle(tenantId, caller);
    const [rows, quota, rate_limit_hits, ingestion, storage_bytes] = await Promise.all([
      tables.days(tenantId, first, today),
      snapshots.of(tenantId),
      tables.rateLimitHits(tenantId, midnight(first)),
      tables.ingestion(tenantId, midnight(first)),
      tables.storedBytes(tenantId),
    ]);
    return {
      window_days: windowDays,
      requests: { total: total(rows, 'requests'), by_route_class: byClass(rows) },
      quota,
      rate_limit_hits,
      ingestion,
      runs: runsUsed(rows),
      tokens: tokensUsed(rows),
      storage_bytes,
    };
  }

  async timeseries({ metric, granularity, days }: TimeseriesQuery, caller: CallerContext): Promise<TimeseriesView> {
    if (granularity === 'minute' && days > MOST_MINUTE_DAYS)
      throw invalid([{ type: 'less_than_equal', loc: ['query', 'days'], msg: 'must be 7 or less by minute' }]);
    if (granularity === 'minute' && metric === 'storage')
      throw invalid([{ type: 'literal_error', loc: ['query', 'granularity'], msg: 'storage is known by day only' }]);
    await this.settle(caller.tenantId, caller);
    const first = dayAfter(this.today(), 1 - days);
    const points =
      granularity === 'day'
        ? await this.byDay(caller.tenantId, metric, first, days)
        : await this.byMinute(caller.tenantId, metric as Exclude<Metric, 'storage'>, first);
    return { metric, granularity, points };
  }

  async used(tenantId: string, query: PeriodQuery, caller: CallerContext): Promise<PeriodUsageView> {
    const { first, last } = spanOf(
      query.period,
      query.start === undefined ? this.today() : realDay(query.start, 'start'),
    );
    await this.settle(tenantId, caller);
    const { tables } = this.parts;
    const [rows, changes] = await Promise.all([
      tables.days(tenantId, first, last),
      tables.storageChanges(tenantId, last),
    ]);
    return {
      tenant_id: tenantId,
      period: query.period,
      start: first,
      end: last,
      api_calls: apiCalls(rows),
      runs: runsUsed(rows),
      tokens: tokensUsed(rows),
      documents_ingested: total(rows, 'documents_ingested'),
      storage_bytes: storedByDay(changes, last, 1)[0]?.[1] ?? 0,
    };
  }

  async details(tenantId: string, query: DetailsQuery, caller: CallerContext): Promise<Page<UsageDetailView>> {
    const from = realInstant(query.from ?? midnight(this.today()), 'from');
    // Under a cursor the end must stay what it was, so that the pages are of one list.
    const before = realInstant(query.to ?? `${dayAfter(this.today(), 1)}T00:00:00.000Z`, 'to');
    await this.settle(tenantId, caller);
    const { resource } = query;
    if (resource === 'storage') return this.storageDetails(tenantId, from, before);
    const column = countedIn[resource];
    const page = await this.parts.tables.minutes(tenantId, column, { from, before }, query);
    return new Page(
      page.rows.map((row) => ({ start: row.start, resource, ...detailOf[resource](row) })),
      page.next,
    );
  }

  /** The rows of a month up to today, and the positions that they are of. */
  async exported(
    tenantId: string,
    query: ExportQuery,
    caller: CallerContext,
  ): Promise<Exported & { at: readonly ReadAt[] }> {
    const month = query.month ?? this.today().slice(0, 7);
    const { first, last: end } = spanOf('month', realDay(`${month}-01`, 'month'));
    await this.settle(tenantId, caller);
    const last = end < this.today() ? end : this.today();
    return { tenantId, first, last, ...(await this.parts.tables.snapshot(tenantId, first, last)) };
  }

  private async settle(tenantId: string, caller: CallerContext): Promise<void> {
    for (const table of caller.waitsFor) await this.parts.reads.before(table, caller);
    await this.parts.reads.after(await this.parts.written(tenantId), caller);
  }

  private async byDay(tenantId: string, metric: Metric, first: string, days: number): Promise<PointView[]> {
    const { tables } = this.parts;
    const last = dayAfter(first, days - 1);
    if (metric === 'storage') {
      const stored = storedByDay(await tables.storageChanges(tenantId, last), first, days);
      return stored.map(([ts, value]) => ({ ts, value }));
    }
    const used = new Map((await tables.days(tenantId, first, last)).map((row) => [row.id, valueOf[metric](row)]));
    return Array.from({ length: days }, (_, at) => dayAfter(first, at)).map((ts) => ({ ts, value: used.get(ts) ?? 0 }));
  }

  /** From midnight of the first day to the minute of now. */
  private async byMinute(tenantId: string, metric: Exclude<Metric, 'storage'>, first: string): Promise<PointView[]> {
    const now = (this.parts.now ?? Date.now)();
    const begin = Date.parse(midnight(first));
    const span = { from: midnight(first), before: new Date(now + MINUTE_MS).toISOString() };
    const column = countedIn[metric === 'requests' ? 'api_calls' : metric];
    const page = await this.parts.tables.minutes(tenantId, column, span, { limit: MOST_MINUTE_DAYS * 1_440 + 1 });
    const used = new Map(page.rows.map((row) => [row.start, valueOf[metric](row)]));
    return Array.from({ length: Math.floor((now - begin) / MINUTE_MS) + 1 }, (_, at) => {
      const ts = new Date(begin + at * MINUTE_MS).toISOString();
      return { ts, value: used.get(ts) ?? 0 };
    });
  }

  private async storageDetails(tenantId: string, from: string, before: string): Promise<Page<UsageDetailView>> {
    const [first, last] = [from.slice(0, 10), new Date(Date.parse(before) - 1).toISOString().slice(0, 10)];
    const days = Math.round((Date.parse(last) - Date.parse(first)) / (1_440 * MINUTE_MS)) + 1;
    if (days > MOST_STORAGE_DAYS)
      throw invalid([
        { type: 'less_than_equal', loc: ['query', 'to'], msg: `must be ${MOST_STORAGE_DAYS} days after from at most` },
      ]);
    const changes = await this.parts.tables.storageChanges(tenantId, last);
    const details = storedByDay(changes, first, Math.max(0, days)).map(([day, quantity]) => ({
      start: midnight(day),
      resource: 'storage' as const,
      quantity,
      parts: {},
    }));
    return new Page(details, null);
  }

  private today(): string {
    return new Date((this.parts.now ?? Date.now)()).toISOString().slice(0, 10);
  }
}

const valueOf: Readonly<Record<Exclude<Metric, 'storage'>, (row: UsageRow) => number>> = {
  requests: (row) => row.requests,
  runs: (row) => row.runs_started,
  tokens: (row) => row.input_tokens + row.output_tokens,
  documents: (row) => row.documents_ingested,
};

/** The column that is not 0 where something of a resource was used. */
const countedIn = {
  api_calls: 'requests',
  runs: 'runs_started',
  tokens: 'input_tokens',
  documents: 'documents_ingested',
} as const;

type Detail = Pick<UsageDetailView, 'quantity' | 'parts'>;

const detailOf: Readonly<Record<Exclude<Resource, 'storage'>, (row: UsageRow) => Detail>> = {
  api_calls: (row) => ({
    quantity: row.requests,
    parts: Object.fromEntries(Object.entries(row.by_route as UsedBy).map(([name, [requests]]) => [name, requests])),
  }),
  runs: (row) => ({ quantity: row.runs_started, parts: { started: row.runs_started, succeeded: row.runs_succeeded } }),
  tokens: (row) => ({
    quantity: row.input_tokens + row.output_tokens,
    parts: { input: row.input_tokens, output: row.output_tokens, estimated: row.estimated_tokens },
  }),
  documents: (row) => ({ quantity: row.documents_ingested, parts: {} }),
};

function spanOf(period: 'day' | 'month', day: string): { readonly first: string; readonly last: string } {
  if (period === 'day') return { first: day, last: day };
  const first = `${day.slice(0, 7)}-01`;
  const next = dayAfter(first, 31);
  return { first, last: dayAfter(`${next.slice(0, 7)}-01`, -1) };
}

/** A day of the calendar, of the years that every part of the system writes alike. */
function realDay(day: string, name: string): string {
  const at = Date.parse(midnight(day));
  const real = !Number.isNaN(at) && new Date(at).toISOString().startsWith(day) && day >= '1000' && day < '9999-12';
  if (!real) throw invalid([{ type: 'date_parsing', loc: ['query', name], msg: 'must be a day of the calendar' }]);
  return day;
}

function realInstant(instant: string, name: string): string {
  const at = new Date(instant).toISOString();
  if (at.length !== 24 || at < '1000' || at >= '9999-12')
    throw invalid([{ type: 'datetime_parsing', loc: ['query', name], msg: 'must be of the years 1000 to 9999' }]);
  return at;
}
