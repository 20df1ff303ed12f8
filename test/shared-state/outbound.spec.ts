import { CatalogueError } from '#domain/kernel/errors.js';
import { answerOf } from '#api/http/errors.js';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound, outboundErrors } from '#infra/shared-state/outbound.js';

const key = { tenantId: 'acme', integration: 'llm' };

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

  it('tells callers how long it is refused, and of the service no more than its kind', async () => {
    const outbound = make(1);
    const call = { ...key, integration: 'embedding.openai 127.0.0.1:8203' };
    await expect(outbound.call(call, () => Promise.reject(broken))).rejects.toBe(broken);
    const refused = await outbound.call(call, async () => 'never').catch((error: unknown) => error);
    const details = { integration: 'embedding.openai', retry_after_ms: expect.any(Number) };
    expect((refused as CatalogueError).details).toEqual(details);
    const answer = answerOf(refused);
    expect(answer.retryAfterS).toBe(Math.ceil(Number(answer.details?.['retry_after_ms']) / 1_000));
    expect(answer.retryAfterS).toBeGreaterThan(1);
  });

  it('waits as long as the service asks, when there is time for that, and is not repeated otherwise', async () => {
    const outbound = make();
    let tries = 0;
    const limited = async (): Promise<number> => {
      tries += 1;
      if (tries === 1) throw broken;
      return performance.now();
    };
    const began = performance.now();
    const polite = { ...key, retryable: () => true };
    expect((await outbound.call({ ...polite, retryAfterMs: () => 30 }, limited)) - began).toBeGreaterThanOrEqual(29);
    tries = 0;
    await expect(outbound.call({ ...polite, retryAfterMs: () => 60_000 }, limited)).rejects.toBe(broken);
    expect(tries).toBe(1);
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
