import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { FallbackBuckets } from '#infra/shared-state/fallback-take.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { RedisSharedState, SharedStateUnavailable } from '#infra/shared-state/redis-shared-state.js';
import type { SharedState } from '#infra/shared-state/shared-state.js';

const url = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(5);
}

describe.each<[string, () => SharedState]>([
  ['in memory', () => new MemorySharedState()],
  ['in Redis', () => new RedisSharedState({ url, prefix: `test:${randomUUID()}:`, commandTimeoutMs: 5_000 })],
])('shared state %s', (_name, make) => {
  let shared: SharedState;

  beforeEach(() => {
    shared = make();
  });
  afterEach(() => shared.close());

  it('gives a bucket its burst and then refuses with the wait that helps', async () => {
    const bucket = { key: 'a', ratePerSecond: 0.001, burst: 3 };
    for (const remaining of [2, 1, 0]) {
      expect(await shared.take([bucket], 1)).toMatchObject([{ allowed: true, remaining, retryAfterMs: 0 }]);
    }
    const [refused] = await shared.take([bucket], 1);
    expect(refused).toMatchObject({ allowed: false, remaining: 0 });
    expect(refused?.retryAfterMs).toBeGreaterThan(900_000);
    expect(refused?.retryAfterMs).toBeLessThanOrEqual(1_000_000);
  });

  it('refills at its rate', async () => {
    const bucket = { key: 'a', ratePerSecond: 100, burst: 1 };
    await shared.take([bucket], 1);
    await until(async () => (await shared.take([bucket], 1))[0]?.allowed === true);
  });

  it('takes from every bucket or from none', async () => {
    const wide = { key: 'wide', ratePerSecond: 0, burst: 10 };
    const narrow = { key: 'narrow', ratePerSecond: 0, burst: 1 };
    await shared.take([wide, narrow], 1);
    const results = await shared.take([wide, narrow], 1);
    expect(results.map((result) => result.allowed)).toEqual([true, false]);
    expect(results[0]?.remaining).toBe(9);
  });

  it('never refills a bucket of rate 0, and says that no wait helps', async () => {
    const bucket = { key: 'a', ratePerSecond: 0, burst: 1 };
    await shared.take([bucket], 1);
    expect(await shared.take([bucket], 1)).toMatchObject([{ allowed: false, remaining: 0, retryAfterMs: Infinity }]);
  });

  it('says that no wait helps when the cost is above the burst, and takes nothing', async () => {
    const bucket = { key: 'a', ratePerSecond: 5, burst: 2 };
    expect(await shared.take([bucket], 3)).toMatchObject([{ allowed: false, remaining: 2, retryAfterMs: Infinity }]);
  });

  it('lets parallel takers through exactly as often as the burst says', async () => {
    const bucket = { key: 'a', ratePerSecond: 0, burst: 7 };
    const results = await Promise.all(Array.from({ length: 50 }, () => shared.take([bucket], 1)));
    expect(results.filter(([result]) => result?.allowed)).toHaveLength(7);
  });

  it('locks for one holder, with a fence that grows', async () => {
    const locks = await Promise.all(Array.from({ length: 10 }, () => shared.lock('job', 60_000)));
    const held = locks.filter((lock) => lock !== undefined);
    expect(held).toHaveLength(1);
    await held[0]?.release();
    const next = await shared.lock('job', 60_000);
    expect(next?.fence).toBeGreaterThan(held[0]?.fence ?? Infinity);
    expect(await held[0]?.renew(1_000)).toBe(false);
    await held[0]?.release();
    expect(await shared.lock('job', 1_000)).toBeUndefined();
    expect(await next?.renew(60_000)).toBe(true);
  });

  it('gives a lock on when its time to live has passed', async () => {
    await shared.lock('job', 20);
    await until(async () => (await shared.lock('job', 60_000)) !== undefined);
  });

  it('keeps a value for its time to live', async () => {
    await shared.set('k', 'v', 60_000);
    expect(await shared.get('k')).toBe('v');
    await shared.set('k', 'w', 20);
    await until(async () => (await shared.get('k')) === undefined);
    await shared.set('k', 'v', 60_000);
    await shared.delete('k');
    expect(await shared.get('k')).toBeUndefined();
  });

  it('compares and sets for one of many', async () => {
    const first = await Promise.all(['a', 'b', 'c'].map((v) => shared.compareAndSet('k', undefined, v, 60_000)));
    expect(first.filter(Boolean)).toHaveLength(1);
    const current = await shared.get('k');
    expect(await shared.compareAndSet('k', 'not it', 'd', 60_000)).toBe(false);
    expect(await shared.compareAndSet('k', current, '', 60_000)).toBe(true);
    expect(await shared.compareAndSet('k', '', 'e', 60_000)).toBe(true);
  });

  it('carries messages to every subscriber of the channel until it leaves', async () => {
    const heard: string[] = [];
    const leave = await shared.subscribe('news', (message) => heard.push(`one ${message}`));
    await shared.subscribe('news', (message) => heard.push(`two ${message}`));
    await shared.publish('other', 'x');
    await shared.publish('news', 'x');
    await until(() => heard.length >= 2);
    await leave();
    await shared.publish('news', 'y');
    await until(() => heard.length >= 3);
    expect(heard.sort()).toEqual(['one x', 'two x', 'two y']);
  });

  it('is healthy', async () => {
    expect(await shared.healthy()).toBe(true);
  });
});

describe('shared state in Redis', () => {
  it('fails within its bound and never ends the process when Redis is not there', async () => {
    const shared = new RedisSharedState({ url: 'redis://127.0.0.1:1', commandTimeoutMs: 300 });
    await expect(shared.get('k')).rejects.toThrow(SharedStateUnavailable);
    await expect(shared.take([{ key: 'a', ratePerSecond: 1, burst: 1 }], 1)).rejects.toThrow(SharedStateUnavailable);
    expect(await shared.healthy()).toBe(false);
    const buckets = new FallbackBuckets(shared);
    const bucket = { key: 'a', ratePerSecond: 0, burst: 1 };
    expect(await buckets.take([bucket], 1)).toMatchObject({ degraded: true, results: [{ allowed: true }] });
    expect(await buckets.take([bucket], 1)).toMatchObject({ degraded: true, results: [{ allowed: false }] });
    await shared.close();
  });

  it('comes back by itself with its subscriptions after its connections were cut', async () => {
    const prefix = `test:${randomUUID()}:`;
    const name = `cut-${randomUUID()}`;
    const shared = new RedisSharedState({ url, prefix, name, commandTimeoutMs: 5_000 });
    const heard: string[] = [];
    await shared.subscribe('news', (message) => heard.push(message));
    await shared.set('k', 'v', 60_000);
    const admin = new Redis(url);
    const clients = String(await admin.client('LIST')).split('\n');
    const ours = clients.filter((line) => line.includes(`name=${name} `));
    expect(ours).toHaveLength(2);
    for (const line of ours) await admin.client('KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '0').catch(() => undefined);
    await until(() =>
      shared.get('k').then(
        (value) => value === 'v',
        () => false,
      ),
    );
    await until(async () => {
      await shared.publish('news', 'x').catch(() => undefined);
      return heard.length > 0;
    });
    await shared.close();
    admin.disconnect();
  });
});
