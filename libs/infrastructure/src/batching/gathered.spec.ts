import { Gathered } from './gathered.js';

/** Batches that end when they are told to. */
function held(largest?: number) {
  const batches: { items: readonly number[]; end: (results: readonly (number | Error)[] | Error) => void }[] = [];
  const gathered = new Gathered<number, number>(
    (items) =>
      new Promise((resolve, reject) =>
        batches.push({ items, end: (results) => (results instanceof Error ? reject(results) : resolve(results)) }),
      ),
    largest,
  );
  const until = async (count: number): Promise<void> => {
    while (batches.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  return { gathered, batches, until };
}

describe('Gathered', () => {
  it('sends what arrives during a batch together in the next', async () => {
    const { gathered, batches, until } = held();
    const first = gathered.add(1);
    await until(1);
    const later = [2, 3, 4].map((item) => gathered.add(item));
    batches[0]?.end([10]);
    await until(2);
    batches[1]?.end([20, 30, 40]);
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]);
    expect(await Promise.all([first, ...later])).toEqual([10, 20, 30, 40]);
  });

  it('sends no more in one batch than it may', async () => {
    const { gathered, batches, until } = held(2);
    const results = [1, 2, 3, 4, 5].map((item) => gathered.add(item));
    for (const [at, items] of [[1, 2], [3, 4], [5]].entries()) {
      await until(at + 1);
      batches[at]?.end(items);
    }
    expect(batches.map(({ items }) => items)).toEqual([[1, 2], [3, 4], [5]]);
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5]);
  });

  it('fails one item alone, or all of a batch, and goes on', async () => {
    const { gathered, batches, until } = held();
    const [good, bad] = [gathered.add(1), gathered.add(2)];
    await until(1);
    batches[0]?.end([1, new Error('two')]);
    await expect(bad).rejects.toThrow('two');
    expect(await good).toBe(1);
    const lost = Promise.allSettled([gathered.add(3), gathered.add(4)]);
    await until(2);
    batches[1]?.end(new Error('away'));
    expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const after = gathered.add(5);
    await until(3);
    batches[2]?.end([5]);
    expect(await after).toBe(5);
  });
});
