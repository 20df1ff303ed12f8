import { setImmediate as turn } from 'node:timers/promises';

/** How long the first item is waited for, and the second one, in milliseconds; all others must be there within a turn of the loop. */
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
    const came = (await this.takes(FIRST_MS)) && (await this.takes(SECOND_MS));
    if (!came) return this.came;
    const over = turn();
    while (this.came.length < MOST && (await this.took(over)));
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

  /** Whether an item came within so many milliseconds. */
  private async takes(ms: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const taken = await this.took(late);
    clearTimeout(timer);
    return taken;
  }

  /** Whether an item came before it was late; a failure is none. */
  private async took(late: Promise<unknown>): Promise<boolean> {
    const result = await Promise.race([this.next.catch(() => undefined), late.then(() => undefined)]);
    if (result === undefined || result.done === true) return false;
    this.came.push(result.value);
    this.next = this.pull();
    return true;
  }
}
