import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { CircuitStep } from '#infra/shared-state/circuit.js';
import { CircuitBreaker, type BreakerState } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { RedisSharedState } from '#infra/shared-state/redis-shared-state.js';
import { until } from '../support/until.js';

const url = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const key = { tenantId: 'acme', integration: 'llm' };

describe('a circuit breaker', () => {
  let now = 1_000_000;
  const limits = { failures: 2, windowMs: 1_000, openMs: 500, trials: 2, trialMs: 2_000 };
  const memory = (): MemorySharedState => new MemorySharedState(() => now);
  const fail = async (breaker: CircuitBreaker): Promise<void> => breaker.failed(key, await breaker.admit(key));
  const opened = async (...args: ConstructorParameters<typeof CircuitBreaker>): Promise<CircuitBreaker> => {
    const breaker = new CircuitBreaker(...args);
    await fail(breaker);
    await fail(breaker);
    return breaker;
  };

  it('opens for every process after enough failures, and for no other tenant', async () => {
    const shared = memory();
    const [one, two] = [new CircuitBreaker(shared, limits), new CircuitBreaker(shared, limits)];
    await fail(one);
    expect(await two.state(key)).toBe('closed');
    await fail(two);
    expect(await one.admit(key)).toMatchObject({ allowed: false, trial: false, retryAfterMs: 500 });
    expect((await one.admit({ ...key, tenantId: 'other' })).allowed).toBe(true);
  });

  it('counts failures in a row: a success forgets them', async () => {
    const breaker = new CircuitBreaker(memory(), limits);
    for (let round = 0; round < 5; round += 1) {
      await fail(breaker);
      await breaker.succeeded(key, await breaker.admit(key));
    }
    expect(await breaker.state(key)).toBe('closed');
  });

  it('forgets failures that are older than its window', async () => {
    const breaker = new CircuitBreaker(memory(), limits);
    await fail(breaker);
    now += 1_001;
    await fail(breaker);
    expect(await breaker.state(key)).toBe('closed');
  });

  it('lets its trials through when it was open long enough, and follows their outcome', async () => {
    const breaker = await opened(memory(), limits);
    now += 500;
    const admissions = await Promise.all([1, 2, 3, 4].map(() => breaker.admit(key)));
    const [trial, ...others] = admissions.filter(({ allowed }) => allowed);
    expect(others).toHaveLength(1);
    expect(await breaker.state(key)).toBe('half_open');
    if (trial !== undefined) await breaker.failed(key, trial);
    expect(await breaker.state(key)).toBe('open');
    now += 500;
    await breaker.succeeded(key, await breaker.admit(key));
    expect(await breaker.state(key)).toBe('closed');
  });

  it('gives the place of a trial whose caller left, or died, to another', async () => {
    const breaker = await opened(memory(), { ...limits, trials: 1 });
    now += 500;
    await breaker.left(key, await breaker.admit(key));
    expect((await breaker.admit(key)).allowed).toBe(true);
    expect((await breaker.admit(key)).allowed).toBe(false);
    now += 2_000;
    expect((await breaker.admit(key)).allowed).toBe(true);
  });

  it('tells of each change once, whichever process made it', async () => {
    const shared = memory();
    const told: BreakerState[] = [];
    const many = [1, 2, 3].map(() => new CircuitBreaker(shared, { ...limits, trials: 1 }, ({ to }) => told.push(to)));
    await Promise.all(many.map((breaker) => fail(breaker)));
    await Promise.all(many.map((breaker) => fail(breaker)));
    now += 500;
    await Promise.all(many.map(async (breaker) => breaker.succeeded(key, await breaker.admit(key))));
    expect(told).toEqual(['open', 'half_open', 'closed']);
  });

  it('counts alone while the shared store does not answer', async () => {
    const gone = new RedisSharedState({ url: 'redis://127.0.0.1:1', commandTimeoutMs: 200 });
    const breaker = await opened(gone, limits);
    expect((await breaker.admit(key)).allowed).toBe(false);
    await gone.close();
  });
});

describe('a circuit breaker in Redis', () => {
  const open = (): RedisSharedState =>
    new RedisSharedState({ url, prefix: `test:${randomUUID()}:`, commandTimeoutMs: 5_000 });

  it('goes by the clock of Redis, whatever the clock of its process says', async () => {
    const shared = open();
    const limits = { failures: 1, openMs: 50 };
    const breaker = new CircuitBreaker(shared, limits);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(0);
    await breaker.failed(key, await breaker.admit(key));
    expect((await breaker.admit(key)).allowed).toBe(false);
    clock.mockReturnValue(8_000_000_000_000);
    await until('it is tried again', async () => (await breaker.admit(key)).allowed);
    clock.mockRestore();
    await shared.close();
  });

  it('decides as in memory, step for step', async () => {
    const shared = open();
    const steps = fc.constantFrom<CircuitStep>(
      'admit',
      'succeeded',
      'failed',
      'trial succeeded',
      'trial failed',
      'trial left',
      'look',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: 40 }), fc.boolean(), async (sequence, quick) => {
        // Nothing runs out while the sequence does, or everything has at once.
        const [openMs, trialMs] = quick ? [0, 0] : [1_000_000, 1_000_000];
        const limits = { failures: 3, windowMs: 1_000_000, openMs, trials: 2, trialMs };
        const memory = new MemorySharedState();
        const name = randomUUID();
        for (const step of sequence) {
          const [there, here] = [await shared.circuit(name, step, limits), await memory.circuit(name, step, limits)];
          const rounded = ({ retryAfterMs, now, ...rest }: typeof here) => ({
            ...{ ...rest, waits: retryAfterMs > 0, told: now > 1_600_000_000_000 },
          });
          expect(rounded(there)).toEqual(rounded(here));
        }
      }),
      { numRuns: 60 },
    );
    await shared.close();
  });
});
