import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { defineCapability } from '#domain/kernel/capability.js';
import { defineEvents, type EventOf } from '#domain/kernel/events.js';
import { defineProjection, type RowOf } from '#domain/kernel/projection.js';
import { t } from '#domain/kernel/schema.js';
import { fixedFacts } from '#domain/kernel/testing/given.js';
import { Database } from '#infra/database/database.js';
import type { EventLog, SubscribeOptions } from '#infra/event-log/event-log.js';
import { HotStates, HotStateUnavailable, type HotState } from '#infra/hot-state/hot-state.js';
import { CapabilityRegistry } from '#infra/projections/registry.js';
import { ProjectionRunner } from '#infra/projections/runner.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import { openTestDatabase, testEngine, type TestDatabase } from '#test/support/database.js';
import { openTestLog } from '#test/support/event-log.js';
import { LossyProxy } from '#test/support/event-log-proxy.js';
import { until } from '#test/jobs/support.js';

const audit = { type: 'badges.changed', category: 'auth', outcome: 'success', resource: ['badge', 'badgeId'] } as const;
const events = defineEvents({
  BadgeIssued: { version: 1, data: { badgeId: t.string, code: t.string }, audit },
  BadgeRecoded: { version: 1, data: { badgeId: t.string, code: t.string }, audit },
  BadgeRevoked: { version: 1, data: { badgeId: t.string }, audit },
});
type BadgeEvent = EventOf<typeof events>;

const badges = defineProjection<BadgeEvent>()({
  table: 'badges',
  version: 1,
  columns: { id: 'text', tenant_id: 'text', code: 'text', changed_at: 'timestamptz', changes: 'bigint' },
  indexes: [['code']],
  key: (event) => event.data.badgeId,
  on: {
    BadgeIssued: (event, row) =>
      row ?? {
        id: event.data.badgeId,
        tenant_id: event.tenantId,
        code: event.data.code,
        changed_at: event.occurredAt,
        changes: '1',
      },
    BadgeRecoded: (event, row) =>
      row && { ...row, code: event.data.code, changed_at: event.occurredAt, changes: String(BigInt(row.changes) + 1n) },
    BadgeRevoked: () => null,
  },
});
type ValueOf<A> = A extends fc.Arbitrary<infer V> ? V : never;
type Badge = RowOf<typeof badges.columns>;

const registry = new CapabilityRegistry([defineCapability({ name: 'badges', events, projections: [badges] })]);

async function append(log: EventLog, event: BadgeEvent, tenantId = 't1'): Promise<void> {
  const { actor, requestId, now } = fixedFacts;
  const metadata = {
    tenantId,
    actor,
    requestId,
    commandId: randomUUID(),
    correlationId: null,
    causationId: null,
    traceparent: null,
    region: null,
    epoch: 0,
    occurredAt: now,
  };
  const stored = { id: randomUUID(), type: event.type, schemaVersion: 1, data: { ...event.data }, metadata };
  await log.append(`badges-${tenantId}.${event.data.badgeId}`, [stored], { expected: 'any' });
}

describe('hot state', () => {
  let open: TestDatabase;
  let log: EventLog;
  const closing: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    open = await openTestDatabase();
    log = await openTestLog(open);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    await log.close();
    await open.drop();
  });

  async function heat(
    of: { database?: Database; log?: Pick<EventLog, 'subscribe' | 'head'>; staleMs?: number } = {},
  ): Promise<{ hot: HotStates; state: HotState<Badge> }> {
    const toRecorded = (stored: Parameters<CapabilityRegistry['toRecorded']>[0]) => registry.toRecorded(stored);
    const hot = new HotStates({ database: open.database, log, toRecorded, ...of });
    const state = hot.add(badges, { indexBy: ['code'] });
    await hot.start();
    closing.push(() => hot.stop());
    await until(() => !hot.isStale());
    return { hot, state };
  }

  async function project(): Promise<ProjectionRunner> {
    const runner = new ProjectionRunner({ database: open.database, log, registry });
    await runner.start();
    closing.push(() => runner.stop());
    return runner;
  }

  const change = fc.record({
    type: fc.constantFrom('BadgeIssued', 'BadgeRecoded', 'BadgeRevoked'),
    tenant: fc.constantFrom('t1', 't2'),
    badgeId: fc.constantFrom('a', 'b', 'c'),
    code: fc.constantFrom('x', 'y', 'z'),
  });

  it('equals the table after any history, wherever in it the process started', async () => {
    const runner = await project();
    const table = new ReadModels(open.database).for(badges).acrossTenants();
    const history = fc.tuple(fc.array(change, { maxLength: 12 }), fc.array(change, { maxLength: 12 }));
    const play = async (changes: readonly ValueOf<typeof change>[]): Promise<void> => {
      for (const { type, tenant, ...data } of changes) await append(log, { type, data }, tenant);
    };
    await fc.assert(
      fc.asyncProperty(history, async ([before, after]) => {
        await play(before);
        const { hot, state } = await heat();
        await play(after);
        await runner.caughtUp();
        const head = (await log.head()) ?? '';
        expect(await hot.catchUp(head)).toBe(true);
        const { rows } = await table.page({ limit: 100 });
        expect(state.size).toBe(rows.length);
        for (const row of rows) expect(state.get(row.tenant_id, row.id)).toEqual(row);
        for (const code of ['x', 'y', 'z']) {
          const ids = (found: readonly Badge[]): string[] =>
            found.map((row) => `${row.tenant_id}/${row.id}`).toSorted();
          expect(ids(state.findBy('code', code))).toEqual(ids(rows.filter((row) => row.code === code)));
        }
        await hot.stop();
      }),
      { numRuns: 12 },
    );
  });

  it('finds what was made a moment ago, though no notification came yet', async () => {
    const { state } = await heat();
    for (let n = 0; n < 20; n += 1) {
      await append(log, { type: 'BadgeIssued', data: { badgeId: `b${n}`, code: `c${n}` } });
      expect(await state.findByOrCheck('code', `c${n}`)).toEqual([expect.objectContaining({ id: `b${n}` })]);
    }
    expect(await state.getOrCheck('t1', 'nobody')).toBeUndefined();
  });

  it('tells of each change with the row before and after', async () => {
    const { hot, state } = await heat();
    const seen: [string | undefined, string | undefined][] = [];
    state.onChange(({ before, after }) => void seen.push([before?.code, after?.code]));
    await append(log, { type: 'BadgeIssued', data: { badgeId: 'b', code: 'x' } });
    await append(log, { type: 'BadgeRecoded', data: { badgeId: 'b', code: 'y' } });
    await append(log, { type: 'BadgeRevoked', data: { badgeId: 'b' } });
    await hot.catchUp((await log.head()) ?? '');
    expect(seen).toEqual([
      [undefined, 'x'],
      ['x', 'y'],
      ['y', undefined],
    ]);
  });

  it('asks the table when the log was silent too long, and gives no answer when the table is silent, too', async () => {
    const runner = await project();
    await append(log, { type: 'BadgeIssued', data: { badgeId: 'b', code: 'x' } });
    const silence = new AbortController();
    const silent = {
      head: () => log.head(),
      subscribe: (options: SubscribeOptions) =>
        log.subscribe({ ...options, signal: AbortSignal.any([options.signal, silence.signal]) }),
    };
    const { hot, state } = await heat({ log: silent, staleMs: 1_500 });
    silence.abort();
    await append(log, { type: 'BadgeRevoked', data: { badgeId: 'b' } });
    await runner.caughtUp();
    await until(() => hot.isStale());
    expect(state.get('t1', 'b')).toBeDefined();
    expect(await state.getOrCheck('t1', 'b')).toBeUndefined();
    expect(await state.findByOrCheck('code', 'x')).toEqual([]);
    await open.database.query('drop view read.badges_v1');
    await expect(state.getOrCheck('t1', 'b')).rejects.toThrow(HotStateUnavailable);
  });

  const onServer = testEngine === 'postgres' ? it : it.skip;
  onServer(
    'gives no answer, and soon, while the server is connected and silent, and answers when it is back',
    async () => {
      const runner = await project();
      await append(log, { type: 'BadgeIssued', data: { badgeId: 'b', code: 'x' } });
      await runner.caughtUp();
      const proxy = await LossyProxy.before(open.url ?? '');
      const other = await Database.open({ url: proxy.url });
      closing.push(async () => {
        await other.close();
        await proxy.close();
      });
      const slow = { head: () => other.query('select 1').then(() => log.head()), subscribe: log.subscribe.bind(log) };
      const { state } = await heat({ database: other, log: slow });
      proxy.loseAnswers();
      const silent = new Error('there was no answer at all');
      const patience = new Promise((_, reject) => setTimeout(() => reject(silent), 15_000).unref());
      for (const name of ['missing', 'missing too'])
        await expect(Promise.race([state.getOrCheck('t1', name), patience])).rejects.toThrow(HotStateUnavailable);
      expect(await state.getOrCheck('t1', 'b')).toMatchObject({ code: 'x' });
      proxy.drop();
      await until(async () => (await state.getOrCheck('t1', 'missing').catch(() => 'unknown')) === undefined);
    },
  );

  onServer('lets another process see a revocation within 100 ms, and within 2 s without notifications', async () => {
    const other = await Database.open({ url: open.url ?? '' });
    const otherLog = await openTestLog({ database: other, url: open.url });
    closing.push(async () => {
      await otherLog.close();
      await other.close();
    });
    const { state } = await heat({ database: other, log: otherLog });
    const took = async (n: number): Promise<number> => {
      const badgeId = `b${n}`;
      await append(log, { type: 'BadgeIssued', data: { badgeId, code: badgeId } });
      await until(() => state.get('t1', badgeId) !== undefined);
      await append(log, { type: 'BadgeRevoked', data: { badgeId } });
      const from = performance.now();
      while (state.get('t1', badgeId) !== undefined) await new Promise((resolve) => setImmediate(resolve));
      return performance.now() - from;
    };
    const fast: number[] = [];
    for (let n = 0; n < 20; n += 1) fast.push(await took(n));
    expect(fast.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
    await other.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
      and query like 'listen%' and pid <> pg_backend_pid()`);
    expect(await took(100)).toBeLessThan(2_000);
  });
});
