import { setImmediate as turn } from 'node:timers/promises';

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What arrives while a batch runs goes together in the next one, so that many callers share one statement and nobody waits
 * for a timer. `send` gives one result an item, in order, an Error for one that failed; when it rejects, so does every item.
 */
export class Gathered<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private running = false;

  constructor(
    private readonly send: (items: readonly T[]) => Promise<readonly (R | Error)[]>,
    /** Most items of one batch. */
    private readonly largest = 1_000,
  ) {}

  add(item: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.waiting.length > 0) {
      // One turn of the loop, so that all who were woken by the last batch go together in the next.
      await turn();
      await this.flush(this.waiting.splice(0, this.largest));
    }
    this.running = false;
  }

  private async flush(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.send(batch.map(({ item }) => item));
      batch.forEach(({ resolve, reject }, at) => {
        const result = results[at];
        if (result instanceof Error) reject(result);
        else resolve(result as R);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
