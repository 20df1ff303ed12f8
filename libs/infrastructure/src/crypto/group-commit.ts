interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/** Runs one batch at a time; what arrives meanwhile waits for the next, so that many callers share one durable write. */
export class GroupCommit<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private turn: Promise<unknown> = Promise.resolve();
  private scheduled = false;

  /** `commit` gives one result an item, in order; when it rejects, so does every item of its batch. */
  constructor(
    private readonly commit: (items: readonly T[]) => Promise<readonly R[]>,
    private readonly largest = 1_000,
  ) {}

  add(item: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  /** Runs `work` between two batches. */
  exclusive<V>(work: () => Promise<V>): Promise<V> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    void this.exclusive(() => this.flush());
  }

  private async flush(): Promise<void> {
    const batch = this.waiting.splice(0, this.largest);
    this.scheduled = false;
    if (this.waiting.length > 0) this.schedule();
    try {
      const results = await this.commit(batch.map((entry) => entry.item));
      batch.forEach((entry, index) => entry.resolve(results[index] as R));
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
  }
}
