/** What happened again, at the end of the window that it was counted in. */
export interface Repeated<T> {
  readonly latest: T;
  readonly count: number;
  readonly windowSeconds: number;
  /** True when the window counted what had no window of its own: the latest stands for many. */
  readonly mixed: boolean;
}

export interface RepeatsOptions<T> {
  readonly windowMs: number;
  /** Most kinds that have a window of their own at one time; 10,000 by default. */
  readonly kinds?: number;
  /** Called at the end of each window in which something was counted. */
  readonly onEnd: (repeated: Repeated<T>) => void;
}

interface Window<T> {
  readonly since: number;
  readonly mixed: boolean;
  latest: T;
  count: number;
}

const SWEEP_MS = 1_000;

/** Counts repeats: the first of a kind is news, others of the same window are told of once, at its end. Memory is bounded. */
export class Repeats<T> {
  /** In the order in which they were opened, which is the order in which they end. */
  private readonly windows = new Map<string, Window<T>>();
  private sweeping: NodeJS.Timeout | undefined;
  private counted = 0;

  constructor(private readonly options: RepeatsOptions<T>) {}

  /** Events that were counted and not written one by one, since the start. */
  get collapsed(): number {
    return this.counted;
  }

  /** True when this is the first of its kind in its window. `overflow` names the window it shares when there are too many. */
  isFirst(kind: string, overflow: string, value: T): boolean {
    const now = performance.now();
    const mixed = !this.windows.has(kind) && this.windows.size >= (this.options.kinds ?? 10_000);
    const key = mixed ? `overflow ${overflow}` : kind;
    const open = this.windows.get(key);
    if (open !== undefined && now - open.since < this.options.windowMs) {
      open.count += 1;
      open.latest = value;
      this.counted += 1;
      return false;
    }
    if (open !== undefined) this.end(key, open);
    this.windows.set(key, { since: now, mixed, latest: value, count: 0 });
    this.sweeping ??= setInterval(() => this.sweep(), Math.min(SWEEP_MS, this.options.windowMs)).unref();
    return true;
  }

  /** Ends every window now. */
  stop(): void {
    clearInterval(this.sweeping);
    this.sweeping = undefined;
    for (const [key, window] of this.windows) this.end(key, window);
  }

  private sweep(): void {
    const now = performance.now();
    for (const [key, window] of this.windows) {
      if (now - window.since < this.options.windowMs) return;
      this.end(key, window);
    }
    clearInterval(this.sweeping);
    this.sweeping = undefined;
  }

  private end(key: string, { since, mixed, latest, count }: Window<T>): void {
    this.windows.delete(key);
    if (count === 0) return;
    const windowSeconds = Math.max(1, Math.round((performance.now() - since) / 1_000));
    this.options.onEnd({ latest, count, windowSeconds, mixed });
  }
}
