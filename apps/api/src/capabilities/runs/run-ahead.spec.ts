import { setTimeout as delay } from 'node:timers/promises';
import { Ahead } from './run-ahead.adapter.js';

/** Items, and pauses between them where a number of milliseconds stands. */
async function* given(...steps: readonly (string | number | Error)[]): AsyncIterable<string> {
  for (const step of steps) {
    if (step instanceof Error) throw step;
    if (typeof step === 'number') await delay(step);
    else yield step;
  }
}

async function all(items: AsyncIterable<string>): Promise<string[]> {
  const read: string[] = [];
  for await (const item of items) read.push(item);
  return read;
}

describe('what a run can tell at once', () => {
  it('is all that comes without a pause, and is read again with what follows', async () => {
    const ahead = new Ahead(given('passages', 'one', 'two', 200, 'three'));
    expect(await ahead.soon()).toEqual(['passages', 'one', 'two']);
    const reader = ahead[Symbol.asyncIterator]();
    expect([await reader.next(), await reader.next(), await reader.next()].map(({ value }) => value as string)).toEqual(
      ['passages', 'one', 'two'],
    );
    await reader.return?.();
  });

  it('is all there is of what ends soon', async () => {
    const ahead = new Ahead(given('passages', 'one'));
    expect(await ahead.soon()).toEqual(['passages', 'one']);
    expect(await all(ahead)).toEqual(['passages', 'one']);
  });

  it('is nothing where the first is late; nothing is lost', async () => {
    const ahead = new Ahead(given(300, 'passages', 'one'));
    expect(await ahead.soon()).toEqual([]);
    expect(await all(ahead)).toEqual(['passages', 'one']);
  });

  it('ends before a failure, which whoever reads hears of', async () => {
    const ahead = new Ahead(given('passages', new Error('gone')));
    expect(await ahead.soon()).toEqual(['passages']);
    await expect(all(ahead)).rejects.toThrow('gone');
  });
});
