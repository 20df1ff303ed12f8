import type { CounterRow } from '#domain/capabilities/usage/usage.projection.js';
import { DEFAULT_QUOTA } from '#domain/capabilities/quotas/quotas.decider.js';
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  type AppendOptions,
  type NewEvent,
  type StoredEvent,
} from '#infra/event-log/event-log.js';
import { MemoryEventLog } from '#infra/event-log/memory-event-log.js';
import { QuotaSnapshots } from '#api/commands/quota-snapshots.js';
import type { Principal } from '#api/http/principal.js';
import { UsageMeter } from './usage.adapter.js';
import { UsageWriter } from './usage-writer.adapter.js';

const principal = { tenantId: 't1', apiKeyId: 'k1' } as Principal;
const served = { tenantId: 't1', rateClass: 'read', route: 'GET /v1/corpora', units: 1, at: 0 } as const;

async function allOf(log: MemoryEventLog): Promise<readonly StoredEvent[]> {
  return (await log.readAll({ after: null, limit: 1_000 })).events;
}

/** A log whose next appends fail: before they are stored, or after. */
class FaultyLog extends MemoryEventLog {
  readonly faults: ('before' | 'after')[] = [];

  override async append(stream: string, events: readonly NewEvent[], options: AppendOptions) {
    const fault = this.faults.shift();
    if (fault === 'before') throw new LogUnavailable('away', 1);
    const result = await super.append(stream, events, options);
    if (fault === 'after') throw new AppendOutcomeUnknown(stream);
    return result;
  }
}

describe('what was served', () => {
  const problems: unknown[] = [];
  let log: FaultyLog;
  let writer: UsageWriter;
  beforeEach(() => {
    log = new FaultyLog();
    writer = new UsageWriter({ log, processId: 'p1', onError: (error) => problems.push(error), everyMs: 3_600_000 });
  });
  afterEach(() => writer.stop());
  const total = async (): Promise<number> =>
    (await allOf(log)).reduce((sum, { data }) => sum + Number(data['requests']), 0);

  it('is one event a tenant and minute, by class and by endpoint', async () => {
    writer.add(served);
    writer.add({ ...served, rateClass: 'run', route: 'POST /v1/run', units: 3 });
    writer.add({ ...served, at: 60_000 });
    writer.add({ ...served, tenantId: 't2' });
    await writer.write();
    const stored = await allOf(log);
    expect(stored).toHaveLength(3);
    expect(stored.find(({ metadata, data }) => metadata.tenantId === 't1' && data['requests'] === 2)?.data).toEqual({
      process: 'p1',
      minute: '1970-01-01T00:00:00.000Z',
      requests: 2,
      units: 4,
      byClass: [
        { name: 'read', requests: 1, units: 1 },
        { name: 'run', requests: 1, units: 3 },
      ],
      byRoute: [
        { name: 'GET /v1/corpora', requests: 1, units: 1 },
        { name: 'POST /v1/run', requests: 1, units: 3 },
      ],
    });
  });

  it('is written on one stream a tenant and day, and nothing is written when nothing was served', async () => {
    for (let at = 0; at < 3; at += 1) {
      writer.add(served);
      await writer.write();
      await writer.write();
    }
    const stored = await allOf(log);
    expect(stored.map(({ revision }) => revision)).toEqual([0, 1, 2]);
    expect(new Set(stored.map(({ stream }) => stream)).size).toBe(1);
    writer.add({ ...served, at: 86_400_000 });
    await writer.write();
    expect((await allOf(log)).at(-1)?.revision).toBe(0);
  });

  it('is neither lost nor doubled when the log is away, or does not say what it did', async () => {
    log.faults.push('before');
    writer.add(served);
    await expect(writer.write()).rejects.toThrow(LogUnavailable);
    writer.add(served);
    await writer.write();
    expect(await total()).toBe(2);
    log.faults.push('after', 'after', 'after', 'after');
    writer.add(served);
    await expect(writer.write()).rejects.toThrow(AppendOutcomeUnknown);
    writer.add(served);
    await writer.write();
    expect(await total()).toBe(4);
    expect(await allOf(log)).toHaveLength(4);
  });

  it('is written of one tenant at once, and of all at the end', async () => {
    writer.add(served);
    writer.add({ ...served, tenantId: 't2' });
    await writer.write('t2');
    expect((await allOf(log)).map(({ metadata }) => metadata.tenantId)).toEqual(['t2']);
    expect(writer.writtenTo('t1')).toBeNull();
    expect(writer.writtenTo('t2')).toEqual(expect.any(String));
    await writer.stop();
    expect(await total()).toBe(2);
  });
});

describe('the meter', () => {
  const row = { day: '2026-01-02', day_units: 80, day_tokens: 5, month: '2026-01-01', month_units: 90 } as CounterRow;
  const asked: unknown[] = [];
  let refuses = false;
  const meter = (): UsageMeter =>
    new UsageMeter({
      quotas: { get: () => undefined },
      counters: { get: () => row, onChange: () => () => undefined },
      writer: { add: () => undefined } as never,
      path: {
        run: ((_decider: unknown, _id: unknown, command: unknown) => {
          asked.push(command);
          return refuses ? Promise.reject(new Error('away')) : Promise.resolve({});
        }) as never,
      },
      onError: () => undefined,
    });
  beforeEach(() => {
    asked.length = 0;
    refuses = false;
  });

  it('has no limits for a tenant without a quota, and gives what the log says of a period', () => {
    expect(meter().limitsOf('t1')).toEqual(DEFAULT_QUOTA);
    expect(meter().usedByLog('t1', 'day', '2026-01-02')).toEqual({ units: 80, tokens: 5 });
    expect(meter().usedByLog('t1', 'day', '2026-01-03')).toEqual({ units: 0, tokens: 0 });
    expect(() => meter().served(principal, 'read', 'GET /v1/corpora', 1)).not.toThrow();
  });

  it('asks once for each cap of a period, and again when it was not told', async () => {
    const one = meter();
    const state = { period: 'day', metric: 'requests', used: 80.5, limit: 100, start: '2026-01-02' } as const;
    for (let at = 0; at < 5; at += 1) one.capReached('soft', 't1', state);
    one.capReached('hard', 't1', state);
    expect(asked).toHaveLength(2);
    expect(asked[0]).toMatchObject({
      type: 'NoteCapReached',
      data: { cap: 'soft', used: 80, monthUsed: 90, dayUsed: 80 },
    });
    refuses = true;
    one.capReached('soft', 't1', { ...state, start: '2026-01-03' });
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    refuses = false;
    one.capReached('soft', 't1', { ...state, start: '2026-01-03' });
    expect(asked).toHaveLength(4);
  });
});

describe('the quota block', () => {
  const now = (): number => Date.parse('2026-01-02T03:04:05.678Z');
  const block = (dailyRequests: number | null, units: number) =>
    new QuotaSnapshots({
      source: {
        limitsOf: () => ({ ...DEFAULT_QUOTA, dailyRequests }),
        usedByLog: (_tenant, period, start) => ({
          units: `${period} ${start}` === 'day 2026-01-02' ? units : 500,
          tokens: 0,
        }),
      },
      settled: () => Promise.resolve(),
      now,
    }).of('t1');

  it.each([
    [null, 79, { limit: null, used: 79, remaining: null }, false],
    [100, 79, { limit: 100, used: 79, remaining: 21 }, false],
    [100, 80, { limit: 100, used: 80, remaining: 20 }, true],
    [100, 120, { limit: 100, used: 120, remaining: 0 }, true],
    [0, 0, { limit: 0, used: 0, remaining: 0 }, false],
  ])('of a limit of %p with %i used', async (limit, units, day, soft) => {
    expect(await block(limit, units)).toEqual({
      day,
      month: { limit: null, used: 500, remaining: null },
      soft_cap_reached: soft,
      hard_cap_mode: 'enforce',
    });
  });
});
