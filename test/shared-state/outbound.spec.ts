import { CatalogueError } from '#domain/kernel/errors.js';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound, outboundErrors } from '#infra/shared-state/outbound.js';
import { RedisSharedState } from '#infra/shared-state/redis-shared-state.js';

const key = { tenantId: 'acme', integration: 'llm' };

describe('a circuit breaker', () => {
  let now = 1_000_000;
  const limits = { failures: 2, windowMs: 1_000, openMs: 500, now: () => now };
  const fail = async (breaker: CircuitBreaker): Promise<void> => breaker.failed(key, await breaker.admit(key));

  it('opens for every process after enough failures, and for no other tenant', async () => {
    const shared = new MemorySharedState();
    const [one, two] = [new CircuitBreaker(shared, limits), new CircuitBreaker(shared, limits)];
    await fail(one);
    expect(await two.state(key)).toBe('closed');
    await fail(two);
    expect(await one.admit(key)).toEqual({ allowed: false, probe: false, retryAfterMs: 500 });
    expect((await one.admit({ ...key, tenantId: 'other' })).allowed).toBe(true);
  });

  it('forgets failures that are older than its window', async () => {
    const breaker = new CircuitBreaker(new MemorySharedState(), limits);
    await fail(breaker);
    now += 1_001;
    await fail(breaker);
    expect(await breaker.state(key)).toBe('closed');
  });

  it('lets one probe through when it was open long enough, and follows its outcome', async () => {
    const breaker = new CircuitBreaker(new MemorySharedState(), limits);
    await fail(breaker);
    await fail(breaker);
    now += 500;
    expect(await breaker.state(key)).toBe('half-open');
    const admissions = await Promise.all([1, 2, 3].map(() => breaker.admit(key)));
    const probes = admissions.filter((admission) => admission.allowed);
    expect(probes).toHaveLength(1);
    await breaker.failed(key, probes[0] ?? { allowed: true, probe: true, retryAfterMs: 0 });
    expect(await breaker.state(key)).toBe('open');
    now += 500;
    await breaker.succeeded(key, await breaker.admit(key));
    expect(await breaker.state(key)).toBe('closed');
  });

  it('keeps its times by the wall clock, which all processes share, and by no clock of one process', async () => {
    const shared = new MemorySharedState();
    const breaker = new CircuitBreaker(shared, { failures: 1, openMs: 60_000 });
    const before = Date.now();
    await fail(breaker);
    const stored = (await shared.get(`breaker:${JSON.stringify([key.tenantId, key.integration])}`)) ?? '{}';
    const { until } = JSON.parse(stored) as { until: number };
    expect(until).toBeGreaterThanOrEqual(before + 60_000);
    expect(until).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  it('counts alone while the shared store does not answer', async () => {
    const gone = new RedisSharedState({ url: 'redis://127.0.0.1:1', commandTimeoutMs: 200 });
    const breaker = new CircuitBreaker(gone, limits);
    await fail(breaker);
    await fail(breaker);
    expect((await breaker.admit(key)).allowed).toBe(false);
    await gone.close();
  });
});

describe('an outbound call', () => {
  const make = (failures = 100): Outbound =>
    new Outbound(new CircuitBreaker(new MemorySharedState(), { failures }), { pauseMs: 0 });
  const broken = new Error('503');

  it('is tried again while its failure may pass, up to its attempts', async () => {
    let tries = 0;
    const work = async (): Promise<string> => {
      tries += 1;
      if (tries < 3) throw broken;
      return 'done';
    };
    expect(await make().call({ ...key, retryable: () => true }, work)).toBe('done');
    expect(tries).toBe(3);
  });

  it('is not repeated unless its caller says that it may be', async () => {
    let tries = 0;
    const work = async (): Promise<never> => {
      tries += 1;
      throw broken;
    };
    await expect(make().call(key, work)).rejects.toBe(broken);
    expect(tries).toBe(1);
  });

  it('spends no more retries than a tenth of its calls once the budget is gone', async () => {
    const outbound = make(1_000_000);
    let tries = 0;
    const work = async (): Promise<never> => {
      tries += 1;
      throw broken;
    };
    for (let call = 0; call < 100; call += 1) {
      await expect(outbound.call({ ...key, retryable: () => true }, work)).rejects.toBe(broken);
    }
    expect(tries).toBeLessThanOrEqual(100 + 10 + 10);
  });

  it('ends at its timeout, also when the work ignores its signal', async () => {
    const call = make().call({ ...key, options: { timeoutMs: 10 } }, () => new Promise(() => undefined));
    await expect(call).rejects.toMatchObject({ row: outboundErrors.timedOut });
  });

  it('ends with the reason of a caller who leaves, which the breaker does not count', async () => {
    const breaker = new CircuitBreaker(new MemorySharedState(), { failures: 1 });
    const leaving = new AbortController();
    const call = new Outbound(breaker).call({ ...key, signal: leaving.signal }, async () => {
      leaving.abort(new Error('left'));
      return new Promise(() => undefined);
    });
    await expect(call).rejects.toThrow('left');
    expect(await breaker.state(key)).toBe('closed');
  });

  it('is refused at once while the breaker is open', async () => {
    const outbound = make(1);
    await expect(outbound.call(key, () => Promise.reject(broken))).rejects.toBe(broken);
    await expect(outbound.call(key, async () => 'never')).rejects.toMatchObject({ row: outboundErrors.open });
  });

  it('waits for a place in its bulkhead, and is refused when the queue is full', async () => {
    const outbound = make();
    const options = { concurrency: 1, queue: 1 };
    const gate = Promise.withResolvers<string>();
    const first = outbound.call({ ...key, options }, () => gate.promise);
    const second = outbound.call({ ...key, options }, async () => 'second');
    await expect(outbound.call({ ...key, options }, async () => 'third')).rejects.toThrow(CatalogueError);
    gate.resolve('first');
    expect(await Promise.all([first, second])).toEqual(['first', 'second']);
  });
});
