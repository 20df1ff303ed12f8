import { Gathered } from './gathered.js';

/** Runs one batch at a time, so that many callers share one durable write. */
export class GroupCommit<T, R> {
  private readonly gathered: Gathered<T, R>;
  private turn: Promise<unknown> = Promise.resolve();

  /** `commit` gives one result an item, in order; when it rejects, so does every item of its batch. */
  constructor(commit: (items: readonly T[]) => Promise<readonly R[]>) {
    this.gathered = new Gathered((items) => this.exclusive(() => commit(items)));
  }

  add(item: T): Promise<R> {
    return this.gathered.add(item);
  }

  /** Runs `work` between two batches. */
  exclusive<V>(work: () => Promise<V>): Promise<V> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }
}
