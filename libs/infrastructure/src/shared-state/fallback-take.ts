import { MemorySharedState } from './memory-shared-state.js';
import type { AdmitAsked, AdmitResult, Bucket, SharedState, TakeResult } from './shared-state.js';

export interface FallbackTake {
  readonly results: readonly TakeResult[];
  /** True when the shared store did not answer and this process counted alone. */
  readonly degraded: boolean;
}

export interface FallbackAdmit extends AdmitResult {
  /** True when the shared store did not answer and this process counted alone. */
  readonly degraded: boolean;
}

/** After a failure the shared store is asked again by one request in so many milliseconds; the others do not wait for it. */
const PAUSE_MS = 500;

/** Buckets and counters that processes share, or those of this process alone while the shared ones do not answer. */
export class FallbackBuckets {
  private readonly local = new MemorySharedState();
  private askAgainAt = 0;
  /** What was reserved in the shared store and could not be given back, by counter. */
  private readonly owed = new Map<string, { delta: number; ttlMs: number }>();

  constructor(
    private readonly shared: SharedState,
    private readonly now: () => number = () => performance.now(),
  ) {}

  async take(buckets: readonly Bucket[], cost: number): Promise<FallbackTake> {
    const { buckets: results, degraded } = await this.admit({ buckets, cost, counters: [] });
    return { results, degraded };
  }

  /** Decides in the shared store, at once where that is this process's own; `alone` is what is asked of this process instead. */
  admit(asked: AdmitAsked, alone: () => AdmitAsked = () => asked): FallbackAdmit | Promise<FallbackAdmit> {
    if (this.askAgainAt > 0) {
      if (this.now() < this.askAgainAt) return this.admitAlone(alone());
      this.askAgainAt = this.now() + PAUSE_MS;
    }
    const found = this.shared.admit(asked);
    if (!(found instanceof Promise)) return { ...found, degraded: false };
    return found.then(
      (result) => {
        this.answered();
        return { ...result, degraded: false };
      },
      () => {
        this.failed();
        return this.admitAlone(alone());
      },
    );
  }

  /** Gives back what an admission counted, where it was counted; what the shared store does not hear now it hears when it is back. */
  giveBack(counterKeys: readonly string[], units: number, ttlMs: number, degraded: boolean): void {
    for (const key of counterKeys) {
      if (degraded) void this.local.add(key, -units, ttlMs);
      else void this.add(key, -units, ttlMs);
    }
  }

  private async add(key: string, delta: number, ttlMs: number): Promise<void> {
    try {
      await this.shared.add(key, delta, ttlMs);
    } catch {
      this.failed();
      this.owed.set(key, { delta: (this.owed.get(key)?.delta ?? 0) + delta, ttlMs });
    }
  }

  private answered(): void {
    this.askAgainAt = 0;
    if (this.owed.size === 0) return;
    const owed = [...this.owed];
    this.owed.clear();
    for (const [key, { delta, ttlMs }] of owed) void this.add(key, delta, ttlMs);
  }

  private failed(): void {
    this.askAgainAt = this.now() + PAUSE_MS;
  }

  private admitAlone(asked: AdmitAsked): FallbackAdmit {
    return { ...this.local.admit(asked), degraded: true };
  }
}
