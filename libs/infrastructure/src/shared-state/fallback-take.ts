import { MemorySharedState } from './memory-shared-state.js';
import type { Bucket, SharedState, TakeResult } from './shared-state.js';

export interface FallbackTake {
  readonly results: readonly TakeResult[];
  /** True when the shared store did not answer and this process counted alone. */
  readonly degraded: boolean;
}

/** Takes from the shared buckets, or from buckets of this process alone while the shared ones do not answer. */
export class FallbackBuckets {
  private readonly local = new MemorySharedState();

  constructor(private readonly shared: SharedState) {}

  async take(buckets: readonly Bucket[], cost: number): Promise<FallbackTake> {
    try {
      return { results: await this.shared.take(buckets, cost), degraded: false };
    } catch {
      return { results: await this.local.take(buckets, cost), degraded: true };
    }
  }
}
