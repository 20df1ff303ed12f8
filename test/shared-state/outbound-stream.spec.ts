import fc from 'fast-check';
import { CircuitBreaker } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound, outboundErrors, type OutboundCall } from '#infra/shared-state/outbound.js';
import { until } from '../support/until.js';

const key = { tenantId: 'acme', integration: 'llm' };
const ample = { firstMs: 60_000, idleMs: 60_000, totalMs: 60_000 };
const broken = new Error('503');

async function* counting(signal: AbortSignal, upTo: number, hangsAt = Infinity): AsyncGenerator<number> {
  for (let at = 1; at <= upTo; at += 1) {
    if (at === hangsAt) await new Promise(() => undefined);
    signal.throwIfAborted();
    yield at;
  }
}

async function read(stream: AsyncIterable<number>): Promise<number[]> {
  const all: number[] = [];
  for await (const part of stream) all.push(part);
  return all;
}

describe('an outbound stream', () => {
  let breaker: CircuitBreaker;
  let outbound: Outbound;
  beforeEach(() => {
    breaker = new CircuitBreaker(new MemorySharedState(), { failures: 1 });
    outbound = new Outbound(breaker, { pauseMs: 0 });
  });
  afterEach(() => expect(outbound.inFlight('llm')).toBe(0));

  it('passes on what comes, part by part, and holds its place until the end', async () => {
    const seen: number[] = [];
    for await (const part of outbound.stream(key, ample, (signal) => counting(signal, 3))) {
      seen.push(part);
      expect(outbound.inFlight('llm')).toBe(1);
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  it.each([
    ['its first part', { firstMs: 10 }, 1, []],
    ['its next part', { idleMs: 10 }, 3, [1, 2]],
    ['the whole', { totalMs: 20 }, 4, [1, 2, 3]],
  ])('ends when %s is late, tells the provider, and counts against it', async (_what, bound, hangsAt, came) => {
    let signal: AbortSignal | undefined;
    const seen: number[] = [];
    const reading = async (): Promise<void> => {
      const work = (given: AbortSignal): AsyncIterable<number> => counting((signal = given), 9, hangsAt);
      for await (const part of outbound.stream(key, { ...ample, ...bound }, work)) seen.push(part);
    };
    await expect(reading()).rejects.toMatchObject({ row: outboundErrors.timedOut });
    expect(seen).toEqual(came);
    expect(signal?.aborted).toBe(true);
    expect(await breaker.state(key)).toBe('open');
  });

  it('is tried again before its first part, and never after it', async () => {
    let tries = 0;
    const work = async function* (_signal: AbortSignal): AsyncGenerator<number> {
      tries += 1;
      if (tries === 1) throw broken;
      yield tries;
      throw broken;
    };
    const call: OutboundCall = { ...key, retryable: () => true, counts: () => false };
    const seen: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const part of outbound.stream(call, ample, work)) seen.push(part);
    };
    await expect(reading()).rejects.toBe(broken);
    expect([seen, tries]).toEqual([[2], 2]);
  });

  it('stops the provider when its reader leaves, which the breaker does not count', async () => {
    let signal: AbortSignal | undefined;
    for await (const part of outbound.stream(key, ample, (given) => counting((signal = given), 9)))
      if (part === 2) break;
    expect(signal?.aborted).toBe(true);
    const leaving = new AbortController();
    const hung = read(outbound.stream({ ...key, signal: leaving.signal }, ample, (given) => counting(given, 9, 1)));
    leaving.abort(new Error('left'));
    await expect(hung).rejects.toThrow('left');
    expect(await breaker.state(key)).toBe('closed');
  });

  it('frees the place of a reader that has forgotten it, at the end of its time', async () => {
    const forgotten = outbound.stream(key, { ...ample, totalMs: 20 }, (signal) => counting(signal, 9));
    expect(await forgotten.next()).toEqual({ value: 1, done: false });
    expect(outbound.inFlight('llm')).toBe(1);
    await until('the place is free', () => outbound.inFlight('llm') === 0);
    await expect(forgotten.next()).rejects.toMatchObject({ row: outboundErrors.timedOut });
  });

  it('leaks no place and no listener, whatever fails and whoever leaves', async () => {
    const plan = fc.record({
      tenantId: fc.constantFrom('a', 'b'),
      parts: fc.nat({ max: 4 }),
      fails: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
      hangs: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
      stops: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
      aborts: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 12 }), async (plans) => {
        const shared = new CircuitBreaker(new MemorySharedState(), { failures: 3, openMs: 0 });
        const own = new Outbound(shared, { pauseMs: 0, concurrency: 3, queue: 4 });
        const one = async ({ tenantId, parts, fails, hangs, stops, aborts }: (typeof plans)[number]): Promise<void> => {
          const abort = new AbortController();
          const work = async function* (signal: AbortSignal): AsyncGenerator<number> {
            for (let at = 0; at < parts; at += 1) {
              if (at === fails) throw broken;
              if (at === hangs) await new Promise(() => undefined);
              await new Promise((resolve) => setImmediate(resolve));
              signal.throwIfAborted();
              yield at;
            }
          };
          const call = { tenantId, integration: 'llm', signal: abort.signal, retryable: () => true };
          if (aborts === 0) setImmediate(() => abort.abort(new Error('left')));
          const stream = own.stream(call, { firstMs: 20, idleMs: 20, totalMs: 100 }, work);
          for await (const part of stream) {
            if (part === stops) break;
            if (part === aborts) abort.abort(new Error('left'));
          }
        };
        await Promise.allSettled(plans.map(one));
        expect(own.inFlight('llm')).toBe(0);
      }),
      { numRuns: 60 },
    );
    expect(process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length).toBeLessThan(5);
  });
});
