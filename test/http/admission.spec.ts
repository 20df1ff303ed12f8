import { limitTable } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import type { Limit, LimitTable } from '#domain/capabilities/rate-limits/rate-limits.decider.js';
import { TenantAdmission } from '#api/capabilities/rate-limits/rate-limits.adapter.js';
import { LimitTables } from '#api/capabilities/rate-limits/limit-tables.adapter.js';
import type { QuotaLimits, QuotaSource, UsedByLog } from '#api/http/gates.js';
import type { ApiDeps } from '#api/api.module.js';
import { FallbackBuckets } from '#infra/shared-state/fallback-take.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import type { SharedState } from '#infra/shared-state/shared-state.js';
import { start, type Started } from './fixture.js';

const NOON = Date.UTC(2026, 4, 10, 12);

/** Limits and uses as a test says; keeps what it is told. */
class ListedQuotas implements QuotaSource {
  limits: QuotaLimits = {
    dailyRequests: null,
    monthlyRequests: null,
    dailyTokens: null,
    monthlyTokens: null,
    softCapRatio: 0.8,
    hardCap: true,
  };
  byLog: Record<'day' | 'month', UsedByLog> = { day: { units: 0, tokens: 0 }, month: { units: 0, tokens: 0 } };
  readonly told: string[] = [];

  limitsOf(): QuotaLimits {
    return this.limits;
  }
  usedByLog(_tenant: string, period: 'day' | 'month'): UsedByLog {
    return this.byLog[period];
  }
  served(_principal: unknown, rateClass: string, route: string, units: number): void {
    this.told.push(`${rateClass} ${route} ${units}`);
  }
  capReached(...[cap, tenant, { metric, period, start: day, used }]: Parameters<QuotaSource['capReached']>): void {
    this.told.push(`${cap} ${tenant} ${metric} ${period} ${day} ${used}`);
  }
}

/** A shared store that is away when a test says so. */
function breakable(): SharedState & { away: boolean } {
  const memory = new MemorySharedState();
  const gone = () => Promise.reject(new Error('away'));
  return Object.assign(Object.create(memory) as SharedState, {
    away: false,
    admit(this: { away: boolean }, ...args: Parameters<SharedState['admit']>) {
      return this.away ? gone() : Promise.resolve(memory.admit(...args));
    },
    add(this: { away: boolean }, ...args: Parameters<SharedState['add']>) {
      return this.away ? gone() : memory.add(...args);
    },
  });
}

interface Set {
  readonly limits?: LimitTable;
  readonly enabled?: boolean;
  readonly failClosed?: boolean;
  readonly state?: SharedState;
  readonly clock?: { ms: number };
}

const wide = limitTable(() => ({ rps: 1_000, burst: 1_000 }));
const only = (key: Limit, tenant: Limit = { rps: 1_000, burst: 1_000 }): LimitTable =>
  limitTable((scope) => (scope === 'api_key' ? key : tenant));

describe('an admitted request', () => {
  let server: Started;
  let quotas: ListedQuotas;

  const open = async (set: Set = {}, deps: Partial<ApiDeps> = {}): Promise<void> => {
    quotas = new ListedQuotas();
    const { clock } = set;
    const admission = new TenantAdmission({
      buckets: new FallbackBuckets(set.state ?? new MemorySharedState(), clock && (() => clock.ms)),
      limits: new LimitTables(set.limits ?? wide, { get: () => undefined }),
      quotas,
      settings: { enabled: set.enabled ?? true, failClosed: set.failClosed ?? false },
      now: () => NOON,
    });
    server = await start({ admission, ...deps });
  };
  afterEach(() => server.close());

  const headers = (response: Response, prefix: string): Record<string, string> =>
    Object.fromEntries([...response.headers].filter(([name]) => name.startsWith(prefix)));

  it('is told its limits, in the form of the draft and in the plain one', async () => {
    await open({ limits: only({ rps: 0.001, burst: 20 }, { rps: 15, burst: 60 }) });
    await server.get('/v1/boxes');
    const answer = await server.get('/v1/boxes');
    expect(answer.status).toBe(200);
    expect(headers(answer, 'ratelimit')).toEqual({
      'ratelimit-policy': '"key";q=20;w=20000, "tenant";q=60;w=4',
      ratelimit: expect.stringMatching(/^"key";r=18;t=(2000|1999), "tenant";r=(58|59);t=1$/),
    });
    expect(headers(answer, 'x-ratelimit')).toEqual({ 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': '18' });
  });

  it('is refused with the scope, the class and the wait when a bucket is empty', async () => {
    await open({ limits: only({ rps: 0.01, burst: 1 }) });
    await server.get('/v1/boxes');
    const answer = await server.get('/v1/boxes');
    expect(answer.status).toBe(429);
    const { error } = (await answer.json()) as { error: { code: string; details: { retry_after_ms: number } } };
    expect(error).toMatchObject({ code: 'RATE_LIMITED', details: { scope: 'api_key', route_class: 'read' } });
    const wait = error.details.retry_after_ms;
    expect(headers(answer, 'x-ratelimit')).toMatchObject({
      'x-ratelimit-scope': 'api_key',
      'x-ratelimit-route-class': 'read',
      'x-ratelimit-retry-after-ms': String(wait),
      'x-ratelimit-remaining': '0',
    });
    expect(answer.headers.get('retry-after')).toBe(String(Math.ceil(wait / 1_000)));
    expect(headers(answer, 'x-quota')).toEqual({});
    expect(server.access.events.at(-1)).toMatchObject({ type: 'RequestRateLimited', data: { scope: 'api_key' } });
  });

  it('names the bucket with the longer wait when both are empty', async () => {
    await open({ limits: only({ rps: 10, burst: 1 }, { rps: 0.01, burst: 1 }) });
    await server.get('/v1/boxes');
    const answer = await server.get('/v1/boxes');
    expect(answer.headers.get('x-ratelimit-scope')).toBe('tenant');
  });

  it.each([
    ['the burst is below the cost', { rps: 1, burst: 0 }],
    ['nothing is ever refilled', { rps: 0, burst: 0 }],
  ])('hears of no wait when none helps, because %s', async (_why, limit) => {
    await open({ limits: only(limit) });
    const answer = await server.get('/v1/boxes');
    expect(answer.status).toBe(429);
    expect(await answer.json()).toMatchObject({ error: { details: { retry_after_ms: null } } });
    expect(answer.headers.has('retry-after')).toBe(false);
    expect(answer.headers.has('x-ratelimit-retry-after-ms')).toBe(false);
  });

  it('carries the quota on every success: JSON, 204, streams', async () => {
    await open();
    quotas.limits = { ...quotas.limits, dailyRequests: 5 };
    for (const [used, call] of [
      [1, () => server.get('/v1/boxes')],
      [2, () => server.send('DELETE', '/v1/boxes/1', {})],
      [3, () => server.get('/v1/streams/count/2')],
    ] as const) {
      const answer = await call();
      expect(answer.ok).toBe(true);
      expect(headers(answer, 'x-quota')).toEqual({
        'x-quota-day-limit': '5',
        'x-quota-day-used': String(used),
        'x-quota-day-remaining': String(5 - used),
        'x-quota-month-limit': 'unlimited',
        'x-quota-month-used': String(used),
        'x-quota-month-remaining': 'unlimited',
        'x-quota-softcap-reached': 'false',
        'x-quota-hardcap-mode': 'enforce',
      });
      await answer.text();
    }
    expect(quotas.told).toEqual([
      'read GET /v1/boxes 1',
      'mutation DELETE /v1/boxes/:id 1',
      'read GET /v1/streams/count/:to 1',
    ]);
  });

  it('is refused over the quota with what was really used, and uses nothing', async () => {
    await open();
    quotas.limits = { ...quotas.limits, dailyRequests: 9, monthlyRequests: 2 };
    quotas.byLog = { day: { units: 1, tokens: 0 }, month: { units: 7, tokens: 0 } };
    const answer = await server.get('/v1/boxes');
    expect(answer.status).toBe(402);
    const details = { period: 'month', metric: 'requests', limit: 2, used: 2, remaining: 0 };
    expect(await answer.json()).toMatchObject({ error: { code: 'QUOTA_EXCEEDED', details } });
    expect(headers(answer, 'x-quota')).toMatchObject({ 'x-quota-day-used': '1', 'x-quota-month-used': '7' });
    expect(quotas.told).toEqual(['hard t1 requests month 2026-05-01 7']);
    expect(server.access.events.at(-1)).toMatchObject({ type: 'QuotaBlocked', data: { period: 'month', used: 7 } });
  });

  it('passes a quota that is only observed, and says so', async () => {
    await open();
    quotas.limits = { ...quotas.limits, dailyRequests: 0, hardCap: false };
    const answer = await server.get('/v1/boxes');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-quota-hardcap-mode')).toBe('observe');
    expect(server.access.events.at(-1)).toMatchObject({ type: 'QuotaOverageObserved', data: { used: 1, limit: 0 } });
  });

  it('tells of the soft cap when it is passed', async () => {
    await open();
    quotas.limits = { ...quotas.limits, dailyRequests: 2, softCapRatio: 0.9 };
    expect((await server.get('/v1/boxes')).headers.get('x-quota-softcap-reached')).toBe('false');
    expect((await server.get('/v1/boxes')).headers.get('x-quota-softcap-reached')).toBe('true');
    expect(quotas.told).toContain('soft t1 requests day 2026-05-10 2');
  });

  it.each([
    [
      'a role that is too low',
      () => server.send('POST', '/v1/boxes', { label: 'a' }, { authorization: 'Bearer reader' }),
    ],
    ['an invalid body', () => server.send('POST', '/v1/boxes', { label: 7 })],
    ['a body that is too large', () => server.send('POST', '/v1/boxes', { label: 'x'.repeat(5_000) })],
    ['an invalid query', () => server.get('/v1/boxes?limit=x')],
  ])('gives its units back after %s', async (_what, refused) => {
    await open();
    expect((await refused()).status).toBeGreaterThanOrEqual(400);
    expect((await server.get('/v1/boxes')).headers.get('x-quota-day-used')).toBe('1');
    expect(quotas.told).toEqual(['read GET /v1/boxes 1']);
  });

  it('uses its units when the handler refuses', async () => {
    await open();
    expect((await server.send('POST', '/v1/boxes', { label: 'boom' })).status).toBe(409);
    expect((await server.get('/v1/boxes')).headers.get('x-quota-day-used')).toBe('2');
  });

  it('is counted without limits when rate limits are off', async () => {
    await open({ enabled: false, limits: only({ rps: 0, burst: 0 }) });
    const answer = await server.get('/v1/boxes');
    expect(answer.status).toBe(200);
    expect([headers(answer, 'ratelimit'), headers(answer, 'x-ratelimit')]).toEqual([{}, {}]);
    expect(answer.headers.get('x-quota-day-used')).toBe('1');
  });

  describe('while the shared store is away', () => {
    it('is limited by this process alone, says so, and is limited by all again by itself', async () => {
      const state = breakable();
      const clock = { ms: 1 };
      await open({ state, clock, limits: only({ rps: 0, burst: 2 }) });
      expect((await server.get('/v1/boxes')).headers.get('x-ratelimit-remaining')).toBe('1');
      state.away = true;
      const alone = await server.get('/v1/boxes');
      expect([alone.status, alone.headers.get('x-ratelimit-status')]).toEqual([200, 'degraded']);
      await server.get('/v1/boxes');
      expect((await server.get('/v1/boxes')).status).toBe(429);
      expect(server.access.events.map(({ type }) => type)).toContain('RateLimitDegraded');
      state.away = false;
      clock.ms += 501;
      const again = await server.get('/v1/boxes');
      expect([again.status, again.headers.get('x-ratelimit-status')]).toEqual([200, null]);
      expect((await server.get('/v1/boxes')).status).toBe(429);
    });

    it('is refused where what cannot be counted may not pass', async () => {
      const state = breakable();
      await open({ state, failClosed: true });
      state.away = true;
      const answer = await server.get('/v1/boxes');
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ error: { code: 'RATE_LIMIT_UNAVAILABLE' } });
    });

    it('counts its quota on from where all processes were', async () => {
      const state = breakable();
      await open({ state });
      quotas.limits = { ...quotas.limits, dailyRequests: 3 };
      await state.admit({
        buckets: [],
        cost: 0,
        counters: [
          { key: 't1:day:2026-05-10', limit: null, floor: 1, enforced: true, needs: 0, adds: 0, ttlMs: 1_000 },
        ],
      });
      expect((await server.get('/v1/boxes')).headers.get('x-quota-day-used')).toBe('2');
      state.away = true;
      expect((await server.get('/v1/boxes')).headers.get('x-quota-day-used')).toBe('3');
      expect((await server.get('/v1/boxes')).status).toBe(402);
    });

    it('gives back what it had reserved as soon as the store is there again', async () => {
      const state = breakable();
      const clock = { ms: 1 };
      await open({ state, clock });
      const { admit } = state;
      state.admit = (asked) => {
        const result = admit.call(state, asked);
        Object.assign(state, { away: true, admit });
        return result;
      };
      expect((await server.send('POST', '/v1/boxes', { label: 7 })).status).toBe(422);
      state.away = false;
      clock.ms += 1_000;
      await server.get('/v1/boxes');
      expect((await server.get('/v1/boxes')).headers.get('x-quota-day-used')).toBe('2');
    });
  });
});
