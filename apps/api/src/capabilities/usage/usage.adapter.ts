import { setTimeout as delay } from 'node:timers/promises';
import {
  DEFAULT_QUOTA,
  QUOTA_STREAM_ID,
  quotas,
  type NoteCapReached,
} from '#domain/capabilities/quotas/quotas.decider.js';
import type { quotaRows } from '#domain/capabilities/quotas/quotas.projection.js';
import { usedSince, type CounterRow } from '#domain/capabilities/usage/usage.projection.js';
import type { RowOf } from '#domain/kernel/projection.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { newId } from '#infra/commands/ids.js';
import type { Position } from '#infra/event-log/event-log.js';
import type { HotState } from '#infra/hot-state/hot-state.js';
import type { QuotaLimits, QuotaSource, QuotaState, UsedByLog } from '#api/http/gates.js';
import type { RateClass } from '#api/http/policy.js';
import type { Principal } from '#api/http/principal.js';
import type { UsageWriter } from './usage-writer.adapter.js';

type QuotaRow = RowOf<typeof quotaRows.columns>;

export interface UsageMeterOptions {
  readonly quotas: Pick<HotState<QuotaRow>, 'get'>;
  readonly counters: Pick<HotState<CounterRow>, 'get' | 'onChange'>;
  readonly writer: UsageWriter;
  readonly path: Pick<CommandPath, 'run'>;
  readonly onError: (error: unknown) => void;
}

const WRITE_WAIT_MS = 1_000;
const UNLIMITED: QuotaLimits = { ...DEFAULT_QUOTA };

/** Quotas and usage for the admission: limits and used amounts from memory, what was served to the log. */
export class UsageMeter implements QuotaSource {
  /** The caps that this process has told of or is telling of: the first day of the period by `tenant/cap/metric/period`. */
  private readonly told = new Map<string, string>();
  private readonly telling = new Set<Promise<void>>();

  private readonly stopWatching: () => void;

  constructor(private readonly options: UsageMeterOptions) {
    this.stopWatching = options.counters.onChange(({ after }) => after !== undefined && this.tokensUsed(after));
  }

  limitsOf(tenantId: string): QuotaLimits {
    const row = this.options.quotas.get(tenantId, tenantId);
    if (row === undefined) return UNLIMITED;
    return {
      dailyRequests: row.daily_requests,
      monthlyRequests: row.monthly_requests,
      dailyTokens: row.daily_tokens,
      monthlyTokens: row.monthly_tokens,
      softCapRatio: row.soft_cap_ratio,
      hardCap: row.hard_cap,
    };
  }

  usedByLog(tenantId: string, period: 'day' | 'month', start: string): UsedByLog {
    return usedSince(this.options.counters.get(tenantId, 'used'), period, start);
  }

  served({ tenantId }: Principal, rateClass: Exclude<RateClass, 'none'>, route: string, units: number): void {
    this.options.writer.add({ tenantId, rateClass, route, units, at: Date.now() });
  }

  capReached(cap: 'soft' | 'hard', tenantId: string, state: QuotaState & { readonly start: string }): void {
    const { period, metric, start, used, limit } = state;
    const place = `${tenantId}/${cap}/${metric}/${period}`;
    if (start <= (this.told.get(place) ?? '')) return;
    this.told.set(place, start);
    const data = { cap, period, metric, start, used: Math.floor(used), limit, ...this.both(tenantId, state) };
    const telling = this.tell(tenantId, data)
      .catch((error: unknown) => {
        this.told.delete(place);
        this.options.onError(error);
      })
      .finally(() => this.telling.delete(telling));
    this.telling.add(telling);
  }

  /** Writes what a tenant used up to now, for at most a second, and gives the position after it; null when it used nothing. */
  async written(tenantId: string): Promise<Position | null> {
    const { writer } = this.options;
    const late = delay(WRITE_WAIT_MS, undefined, { ref: false });
    await Promise.race([writer.write(tenantId).catch(() => undefined), late]);
    return writer.writtenTo(tenantId);
  }

  /** Writes what waits. */
  async stop(): Promise<void> {
    this.stopWatching();
    await Promise.all(this.telling);
    await this.options.writer.stop();
  }

  /** What a run needs in tokens is known after it: their soft cap is met when the log tells of them. */
  private tokensUsed({ tenant_id: tenantId, ...row }: CounterRow): void {
    const { dailyTokens, monthlyTokens, softCapRatio } = this.limitsOf(tenantId);
    const note = (period: 'day' | 'month', start: string, used: number, limit: number | null): void => {
      if (limit === null || limit <= 0 || used < limit * softCapRatio) return;
      this.capReached('soft', tenantId, { period, metric: 'tokens', start, used, limit });
    };
    note('day', row.day, row.day_tokens, dailyTokens);
    note('month', row.month, row.month_tokens, monthlyTokens);
  }

  /** Both periods of a metric: the one that met its cap as the admission counted it, the other as the log tells. */
  private both(tenantId: string, { period, metric, start, used }: QuotaState & { readonly start: string }) {
    const limits = this.limitsOf(tenantId);
    const today = new Date().toISOString().slice(0, 10);
    const usedIn = (of: 'day' | 'month'): number => {
      if (of === period) return Math.floor(used);
      const { units, tokens } = this.usedByLog(tenantId, of, of === 'day' ? today : `${start.slice(0, 7)}-01`);
      return metric === 'tokens' ? tokens : units;
    };
    return {
      dayUsed: usedIn('day'),
      dayLimit: metric === 'tokens' ? limits.dailyTokens : limits.dailyRequests,
      monthUsed: usedIn('month'),
      monthLimit: metric === 'tokens' ? limits.monthlyTokens : limits.monthlyRequests,
    };
  }

  private async tell(tenantId: string, data: NoteCapReached['data']): Promise<void> {
    const id = newId();
    const actor = { type: 'system', id: 'quota', role: null } as const;
    const facts = { tenantId, actor, now: new Date().toISOString(), commandId: id, newId: id, requestId: null };
    await this.options.path.run(quotas, QUOTA_STREAM_ID, { type: 'NoteCapReached', data }, facts);
  }
}
