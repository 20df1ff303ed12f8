import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';

/** How long the first item is waited for, and the one after it, in milliseconds; any other must be there within a turn of the loop. */
const FIRST_MS = 50;
const SECOND_MS = 5;
const MOST = 256;

/** Begins at once with what would else wait for its first reader; all of it is read once, from the beginning. */
export class Ahead<T> implements AsyncIterable<T> {
  private readonly iterator: AsyncIterator<T>;
  private readonly came: T[] = [];
  private next: Promise<IteratorResult<T>>;

  constructor(items: AsyncIterable<T>) {
    this.iterator = items[Symbol.asyncIterator]();
    this.next = this.pull();
  }

  /** The first items, as far as they come soon; who reads them gets these too. A failure is for who reads them. */
  async soon(): Promise<readonly T[]> {
    while (this.came.length < MOST) {
      const result = await this.nextSoon();
      if (result === undefined || result.done === true) break;
      this.came.push(result.value);
      this.next = this.pull();
    }
    return this.came;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    try {
      yield* this.came;
      for (let item = await this.next; item.done !== true; item = await this.iterator.next()) yield item.value;
    } finally {
      await this.iterator.return?.();
    }
  }

  private pull(): Promise<IteratorResult<T>> {
    const next = this.iterator.next();
    // Whoever reads hears of it; until then nobody does.
    next.catch(() => undefined);
    return next;
  }

  /** Undefined when it comes late, or fails. */
  private async nextSoon(): Promise<IteratorResult<T> | undefined> {
    const inTime = new AbortController();
    const late = this.patience(inTime.signal).then(
      () => undefined,
      () => undefined,
    );
    const result = await Promise.race([this.next.catch(() => undefined), late]);
    inTime.abort();
    return result;
  }

  private patience(signal: AbortSignal): Promise<unknown> {
    if (this.came.length > 1) return turn(undefined, { signal });
    return delay(this.came.length === 0 ? FIRST_MS : SECOND_MS, undefined, { signal });
  }
}
