import { MemorySharedState } from './memory-shared-state.js';
import type { SharedState } from './shared-state.js';

/** One integration of one tenant: its failures stop nobody else's calls. */
export interface BreakerKey {
  readonly tenantId: string;
  readonly integration: string;
}

export interface BreakerOptions {
  /** Failures within the window that open the breaker; 5 by default. */
  readonly failures?: number;
  /** The window in ms, from its first failure; 30 s by default. */
  readonly windowMs?: number;
  /** How long it stays open before one probe is let through; 15 s by default. */
  readonly openMs?: number;
  /** How long a probe may take before another is let through; 30 s by default. */
  readonly probeMs?: number;
  /** Wall clock in ms, the same for all processes. */
  readonly now?: () => number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

interface Stored {
  readonly state: BreakerState;
  /** Failures in the window; of use while closed. */
  readonly failures: number;
  /** Ms: the window's end (closed), the next probe's time (open), the probe's end (half-open). */
  readonly until: number;
}

/** Whether a call may be made; `probe` marks the one whose outcome closes or opens a half-open breaker. */
export interface Admission {
  readonly allowed: boolean;
  readonly probe: boolean;
  /** Ms until the next probe; 0 when allowed. */
  readonly retryAfterMs: number;
}

const attempts = 5;
const closed: Stored = { state: 'closed', failures: 0, until: 0 };

/** A breaker that processes share. When the shared store does not answer, each process counts alone. */
export class CircuitBreaker {
  private readonly local = new MemorySharedState();
  private readonly limits: Required<BreakerOptions>;

  constructor(
    private readonly shared: SharedState,
    options: BreakerOptions = {},
  ) {
    this.limits = { failures: 5, windowMs: 30_000, openMs: 15_000, probeMs: 30_000, now: Date.now, ...options };
  }

  /** Asks for one call; of a half-open breaker's callers exactly one is let through. */
  async admit(key: BreakerKey): Promise<Admission> {
    return this.update<Admission>(key, (current, now) => {
      if (current.state === 'closed') return { result: { allowed: true, probe: false, retryAfterMs: 0 } };
      if (current.until > now) {
        return { result: { allowed: false, probe: false, retryAfterMs: current.until - now } };
      }
      const next: Stored = { state: 'half-open', failures: current.failures, until: now + this.limits.probeMs };
      return { next, result: { allowed: true, probe: true, retryAfterMs: 0 } };
    });
  }

  /** Reports that an admitted call succeeded. Costs nothing but for a probe. */
  async succeeded(key: BreakerKey, admission: Admission): Promise<void> {
    if (!admission.probe) return;
    await this.update(key, (current) => ({
      ...(current.state === 'half-open' && { next: closed }),
      result: undefined,
    }));
  }

  /** Reports that an admitted call failed. */
  async failed(key: BreakerKey, admission: Admission): Promise<void> {
    await this.update(key, (current, now) => ({ ...this.afterFailure(current, now, admission), result: undefined }));
  }

  async state(key: BreakerKey): Promise<BreakerState> {
    return this.update(key, (current, now) => ({
      result: current.state === 'open' && current.until <= now ? 'half-open' : current.state,
    }));
  }

  private afterFailure(current: Stored, now: number, admission: Admission): { next?: Stored } {
    const open: Stored = { state: 'open', failures: 0, until: now + this.limits.openMs };
    if (admission.probe) return current.state === 'half-open' ? { next: open } : {};
    if (current.state !== 'closed') return {};
    const inWindow = current.until > now;
    const failures = inWindow ? current.failures + 1 : 1;
    if (failures >= this.limits.failures) return { next: open };
    return { next: { state: 'closed', failures, until: inWindow ? current.until : now + this.limits.windowMs } };
  }

  private async update<T>(
    key: BreakerKey,
    decide: (current: Stored, now: number) => { readonly next?: Stored; readonly result: T },
  ): Promise<T> {
    try {
      return await this.updateIn(this.shared, key, decide);
    } catch {
      return this.updateIn(this.local, key, decide);
    }
  }

  private async updateIn<T>(
    store: SharedState,
    key: BreakerKey,
    decide: (current: Stored, now: number) => { readonly next?: Stored; readonly result: T },
  ): Promise<T> {
    const name = `breaker:${JSON.stringify([key.tenantId, key.integration])}`;
    for (let attempt = 1; ; attempt += 1) {
      const text = await store.get(name);
      const now = this.limits.now();
      const { next, result } = decide(text === undefined ? closed : (JSON.parse(text) as Stored), now);
      if (next === undefined) return result;
      const keepMs = Math.max(next.until - now, 0) + 3_600_000;
      if (await store.compareAndSet(name, text, JSON.stringify(next), keepMs)) return result;
      if (attempt >= attempts) throw new Error(`the breaker of ${key.integration} is written by too many at once`);
    }
  }
}
