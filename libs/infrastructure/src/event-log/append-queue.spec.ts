import { AppendQueue, type AppendQueueLimits } from './append-queue.js';
import { AppendOutcomeUnknown, LogUnavailable, type Expected } from './event-log.js';
import type { PreparedAppend } from './prepared-append.js';

let nextId = 0;
function anAppend(stream: string, expected: Expected = 'no-stream', bytes = 10): PreparedAppend {
  nextId += 1;
  const event = { id: `id-${nextId}`, type: 'Moved', schemaVersion: 1, data: '{}', metadata: '{}' };
  return { stream, expected, events: [event], companions: [], bytes };
}

/** A flush that the spec ends by hand. */
function heldQueue(limits: AppendQueueLimits = {}) {
  const batches: string[][] = [];
  const ends: ((error?: Error) => void)[] = [];
  const queue = new AppendQueue<string>((batch) => {
    batches.push(batch.map((append) => append.stream));
    return new Promise((resolve, reject) => {
      ends.push((error) => (error === undefined ? resolve(batch.map(({ stream }) => stream)) : reject(error)));
    });
  }, limits);
  const flushed = async (count: number): Promise<void> => {
    while (batches.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  const end = (error?: Error): void => ends.shift()?.(error);
  return { queue, batches, end, flushed };
}

describe('the append queue', () => {
  it('sends everything that waits in one call once the last call returned', async () => {
    const { queue, batches, end, flushed } = heldQueue();
    const results = [queue.push(anAppend('a')), queue.push(anAppend('b'))];
    await flushed(1);
    results.push(queue.push(anAppend('c')), queue.push(anAppend('d')));
    expect(batches).toEqual([['a', 'b']]);
    end();
    await flushed(2);
    end();
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
    expect(batches[1]).toEqual(['c', 'd']);
  });

  it('keeps the order of one stream: exact appends go one a call, appends that expect nothing chain', async () => {
    const { queue, batches, end, flushed } = heldQueue();
    const all = [
      queue.push(anAppend('a', { revision: 0 })),
      queue.push(anAppend('a', { revision: 1 })),
      queue.push(anAppend('b', 'any')),
      queue.push(anAppend('b', 'any')),
      queue.push(anAppend('b', { revision: 5 })),
      queue.push(anAppend('b', 'any')),
    ];
    for (const count of [1, 2, 3]) {
      await flushed(count);
      end();
    }
    await Promise.all(all);
    expect(batches).toEqual([['a', 'b', 'b'], ['a', 'b'], ['b']]);
  });

  it('cuts a call at its limits of appends and bytes', async () => {
    const { queue, batches, end, flushed } = heldQueue({ flushAppends: 3, flushBytes: 100 });
    const sizes = [60, 60, 10, 10, 10, 500];
    const all = sizes.map((bytes, at) => queue.push(anAppend(`s${at}`, 'no-stream', bytes)));
    for (const count of [1, 2, 3, 4]) {
      await flushed(count);
      end();
    }
    await Promise.all(all);
    expect(batches).toEqual([['s0'], ['s1', 's2', 's3'], ['s4'], ['s5']]);
  });

  it('pushes back when it is full', async () => {
    const { queue, end, flushed } = heldQueue({ waitingAppends: 2 });
    const first = queue.push(anAppend('a'));
    await flushed(1);
    const waiting = [queue.push(anAppend('b')), queue.push(anAppend('c'))];
    const refused = await queue.push(anAppend('d')).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LogUnavailable);
    expect((refused as LogUnavailable).retryAfterMs).toBeGreaterThan(0);
    end();
    await flushed(2);
    end();
    expect(await Promise.all([first, ...waiting])).toEqual(['a', 'b', 'c']);
  });

  it('drops an aborted append that waits, and calls the outcome of one under way unknown', async () => {
    const { queue, batches, end, flushed } = heldQueue();
    const stop = new AbortController();
    const sent = queue.push(anAppend('a'), stop.signal).catch((error: unknown) => error);
    await flushed(1);
    const waiting = queue.push(anAppend('b'), stop.signal).catch((error: unknown) => error);
    const last = queue.push(anAppend('c'));
    stop.abort(new Error('gone'));
    expect(await sent).toBeInstanceOf(AppendOutcomeUnknown);
    expect(await waiting).toEqual(new Error('gone'));
    end();
    await flushed(2);
    end();
    await last;
    expect(batches).toEqual([['a'], ['c']]);
  });

  it('tells each caller of a lost call about its own stream, and goes on', async () => {
    const { queue, end, flushed } = heldQueue();
    const lost = ['a', 'b'].map((stream) => queue.push(anAppend(stream)).catch((error: unknown) => error));
    await flushed(1);
    end(new AppendOutcomeUnknown('a'));
    const [a, b] = (await Promise.all(lost)) as Error[];
    expect(a?.message).toContain('to a was');
    expect(b?.message).toContain('to b was');
    const next = queue.push(anAppend('c'));
    await flushed(2);
    end();
    expect(await next).toBe('c');
  });

  it('finishes what it has when it closes, and takes no more', async () => {
    const { queue, end, flushed } = heldQueue();
    const kept = queue.push(anAppend('a'));
    const closed = queue.close();
    await expect(queue.push(anAppend('b'))).rejects.toBeInstanceOf(LogUnavailable);
    await flushed(1);
    end();
    await closed;
    expect(await kept).toBe('a');
  });
});
