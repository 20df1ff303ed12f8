import { accessRows } from '#domain/capabilities/capabilities.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { usageDays, usageMinutes, usageStorage, type UsageRow } from '#domain/capabilities/usage/usage.projection.js';
import type { Database } from '#infra/database/database.js';
import { viewSqlOf } from '#infra/read-models/columns.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { RowPage } from '#infra/read-models/read-models.js';
import type { IngestionView, RateLimitHitsView } from './usage.contract.js';

/** A read model and how far it has folded the log. */
export interface ReadAt {
  readonly table: string;
  readonly position: string;
}

/** What is stored on each day on which that changed, `YYYY-MM-DD`, oldest first. */
export type StorageChanges = readonly (readonly [day: string, bytes: number])[];

/** Longest list of days that anything asks for. */
const MOST_DAYS = 400;
const DAY_MS = 86_400_000;

/** The day that is `days` after another; both `YYYY-MM-DD` in UTC. */
export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00.000Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

export const midnight = (day: string): string => `${day}T00:00:00.000Z`;

/** Reads what was used, one tenant at a time. */
export class UsageTables {
  constructor(
    private readonly database: Database,
    private readonly models: ReadModels,
  ) {}

  /** The days from `first` to `last`, both included, on which something was used. */
  async days(tenantId: string, first: string, last: string): Promise<readonly UsageRow[]> {
    const { rows } = await this.models.for(usageDays).page(tenantId, {
      where: { start: { from: midnight(first), before: midnight(dayAfter(last, 1)) } },
      orderBy: [['start', 'asc']],
      limit: MOST_DAYS,
    });
    return rows;
  }

  /** Minutes in which something of `column` was used. */
  minutes(
    tenantId: string,
    column: 'requests' | 'runs_started' | 'input_tokens' | 'documents_ingested',
    span: { readonly from: string; readonly before: string },
    page: { readonly limit: number; readonly cursor?: string | undefined },
  ): Promise<RowPage<UsageRow>> {
    const where = { start: span, [column]: { from: 1 } };
    return this.models.for(usageMinutes).page(tenantId, { where, orderBy: [['start', 'asc']], ...page });
  }

  /** What is stored now, in bytes. */
  async storedBytes(tenantId: string): Promise<number> {
    const [row] = await this.database.query<{ bytes: string | null }>(
      `select sum(bytes) as bytes from ${viewSqlOf(usageStorage).view} where tenant_id = $1`,
      [tenantId],
    );
    return Number(row?.bytes ?? 0);
  }

  /** The bytes that came or went on each day up to `last`. */
  async storageChanges(tenantId: string, last: string): Promise<StorageChanges> {
    const rows = await this.database.query<{ day: string; bytes: string }>(
      `select change->>0 as day, sum((change->>1)::double precision) as bytes
       from ${viewSqlOf(usageStorage).view} t, jsonb_array_elements(t.changes) change
       where t.tenant_id = $1 and change->>0 <= $2 group by 1 order by 1`,
      [tenantId, last],
    );
    return rows.map(({ day, bytes }) => [day, Number(bytes)]);
  }

  async rateLimitHits(tenantId: string, since: string): Promise<RateLimitHitsView> {
    const [row] = await this.database.query<{ count: string | null; last_at: Date | string | null }>(
      `select sum(coalesce((metadata_json->>'count')::bigint, 1)) as count, max(occurred_at) as last_at
       from ${viewSqlOf(accessRows).view}
       where tenant_id = $1 and event_type = 'security.rate_limited' and occurred_at >= $2::timestamptz`,
      [tenantId, since],
    );
    const at = row?.last_at ?? null;
    return { count: Number(row?.count ?? 0), last_at: at === null ? null : new Date(at).toISOString() };
  }

  async ingestion(tenantId: string, since: string): Promise<IngestionView> {
    const rows = await this.database.query<{ status: string; n: string }>(
      `select status, count(*) as n from ${viewSqlOf(documentRows).view}
       where tenant_id = $1 and queued_at >= $2::timestamptz group by status`,
      [tenantId, since],
    );
    const by = new Map(rows.map(({ status, n }) => [status, Number(n)]));
    const [queued, processing] = [by.get('queued') ?? 0, by.get('processing') ?? 0];
    return { queued, processing, succeeded: by.get('succeeded') ?? 0, failed: by.get('failed') ?? 0 };
  }

  /** Days and storage in one snapshot, with the positions at which both tables are: the same positions give the same rows. */
  async snapshot(tenantId: string, first: string, last: string) {
    return this.database.transaction(
      async () => {
        const days = await this.days(tenantId, first, last);
        const changes = await this.storageChanges(tenantId, last);
        const at: ReadAt[] = [];
        for (const { table, version } of [usageDays, usageStorage]) {
          const [row] = await this.database.query<{ position: string }>(
            `select position from projections.generations where table_name = $1 and version = $2 and state = 'active'`,
            [table, version],
          );
          at.push({ table, position: row?.position ?? '' });
        }
        return { days, changes, at };
      },
      { isolation: 'repeatable read' },
    );
  }
}
