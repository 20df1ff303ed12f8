import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { RedisSharedState } from '#infra/shared-state/redis-shared-state.js';
import type { AdmitAsked, Bucket, Counter, SharedState } from '#infra/shared-state/shared-state.js';

const url = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const inRedis = (): RedisSharedState =>
  new RedisSharedState({ url, prefix: `test:${randomUUID()}:`, commandTimeoutMs: 5_000 });

const counter = (more: Partial<Counter> = {}): Counter => ({
  key: 'day',
  limit: 10,
  floor: 0,
  enforced: true,
  needs: 1,
  adds: 1,
  ttlMs: 60_000,
  ...more,
});
const full: Bucket = { key: 'full', ratePerSecond: 0, burst: 100 };
const empty: Bucket = { key: 'empty', ratePerSecond: 0, burst: 0 };

describe.each<[string, () => SharedState]>([
  ['in memory', () => new MemorySharedState()],
  ['in Redis', inRedis],
])('an admission %s', (_name, make) => {
  let shared: SharedState;

  beforeEach(() => {
    shared = make();
  });
  afterEach(() => shared.close());

  const admit = (counters: readonly Counter[], buckets: readonly Bucket[] = [full]) =>
    shared.admit({ buckets, cost: 1, counters });
  const used = async (key = 'day'): Promise<number | undefined> =>
    (await admit([counter({ key, needs: 0, adds: 0 })], [])).counters[0]?.after;

  it('counts what fits below every enforced limit', async () => {
    const { counters } = await admit([counter({ adds: 3, needs: 3 }), counter({ key: 'month', adds: 3, needs: 3 })]);
    expect(counters).toEqual([
      { before: 0, after: 3, over: false },
      { before: 0, after: 3, over: false },
    ]);
  });

  it('counts nothing at all when one enforced limit would be passed', async () => {
    await admit([counter({ adds: 8 })]);
    const { counters } = await admit([counter({ key: 'month' }), counter({ needs: 3, adds: 3 })]);
    expect(counters.map(({ over }) => over)).toEqual([false, true]);
    expect([await used(), await used('month')]).toEqual([8, 0]);
  });

  it('counts on over a limit that is only observed', async () => {
    const { counters } = await admit([counter({ limit: 0, enforced: false })]);
    expect(counters).toEqual([{ before: 0, after: 1, over: true }]);
  });

  it('counts nothing when a bucket refuses, and then takes from no bucket either', async () => {
    const { buckets } = await admit([counter()], [full, empty]);
    expect(buckets.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 100],
      [false, 0],
    ]);
    expect(await used()).toBe(0);
  });

  it('still takes from the buckets when the quota refuses', async () => {
    const { buckets } = await admit([counter({ limit: 0 })]);
    expect(buckets[0]?.remaining).toBe(99);
  });

  it('raises a counter that was lost, or counted elsewhere, to its floor', async () => {
    await admit([counter()]);
    expect((await admit([counter({ floor: 7 })])).counters[0]).toEqual({ before: 7, after: 8, over: false });
    expect((await admit([counter({ floor: 7 })])).counters[0]).toEqual({ before: 8, after: 9, over: false });
  });

  it('gives back, never below nothing, and adds', async () => {
    await shared.add('day', -1, 60_000);
    await admit([counter({ adds: 5 })]);
    await shared.add('day', -2, 60_000);
    expect(await used()).toBe(3);
    await shared.add('day', -9, 60_000);
    expect(await used()).toBe(0);
    await shared.add('tokens', 40, 60_000);
    expect(await used('tokens')).toBe(40);
  });

  it('admits exactly the limit to parallel callers', async () => {
    const results = await Promise.all(Array.from({ length: 64 }, async () => admit([counter()])));
    expect(results.filter(({ counters }) => counters[0]?.over === false)).toHaveLength(10);
    expect(await used()).toBe(10);
  });
});

const number = (max: number): fc.Arbitrary<number> => fc.oneof(fc.nat(max), fc.double({ min: 0, max, noNaN: true }));

const bucketOf = (key: string): fc.Arbitrary<Bucket> =>
  fc.record({ key: fc.constant(key), ratePerSecond: number(2_000), burst: number(8) });
const counterOf = (key: string): fc.Arbitrary<Counter> =>
  fc.record({
    key: fc.constant(key),
    limit: fc.option(fc.nat(20)),
    floor: fc.nat(12),
    enforced: fc.boolean(),
    needs: fc.nat(3),
    adds: fc.nat(3),
    ttlMs: fc.integer({ min: 60_000, max: 90_000 }),
  });
const asked: fc.Arbitrary<AdmitAsked> = fc.record({
  buckets: fc.subarray(['key', 'tenant']).chain((keys) => fc.tuple(...keys.map(bucketOf))),
  cost: fc.oneof(fc.nat(3), number(3)),
  counters: fc
    .subarray(['day', 'month', 'tokens-day', 'tokens-month'])
    .chain((keys) => fc.tuple(...keys.map(counterOf))),
});
type Step = { readonly add: number } | AdmitAsked;
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof({ weight: 5, arbitrary: asked }, fc.record({ add: fc.integer({ min: -5, max: 5 }) })),
  {
    minLength: 1,
    maxLength: 12,
  },
);

describe('the two ways to admit', () => {
  it('give the same answers to the last bit, at the same times', async () => {
    const redis = inRedis();
    let round = 0;
    const named = (step: Step): Step => {
      if ('add' in step) return step;
      const own = <T extends { readonly key: string }>(part: T): T => ({ ...part, key: `${round}:${part.key}` });
      return { ...step, buckets: step.buckets.map(own), counters: step.counters.map(own) };
    };
    const check = async (history: readonly Step[]): Promise<void> => {
      round += 1;
      let now = Date.now();
      const memory = new MemorySharedState(() => now);
      for (const step of history.map(named)) {
        if ('add' in step) {
          await redis.add(`${round}:day`, step.add, 60_000);
          await memory.add(`${round}:day`, step.add, 60_000);
        } else {
          const there = await redis.admit(step);
          now = there.at;
          expect(memory.admit(step)).toEqual(there);
        }
      }
    };
    try {
      await fc.assert(fc.asyncProperty(steps, check), { numRuns: 300 });
    } finally {
      await redis.close();
    }
  });
});
