import {
  circuitTtlMs,
  type CircuitLimits,
  type CircuitState,
  type CircuitStep,
  type CircuitResult,
} from './circuit.js';
import { MemorySharedState } from './memory-shared-state.js';
import type { SharedState } from './shared-state.js';

/** One integration of one tenant: its failures stop nobody else's calls. */
export interface BreakerKey {
  readonly tenantId: string;
  readonly integration: string;
}

export interface BreakerOptions {
  /** Failures in a row that open the breaker; 5 by default. */
  readonly failures?: number;
  /** Ms without a failure after which those before are forgotten; 30 s by default. */
  readonly windowMs?: number;
  /** How long it stays open before it is tried again, in ms; 30 s by default. */
  readonly openMs?: number;
  /** Calls at one time that try a breaker which was open; 2 by default. */
  readonly trials?: number;
  /** How long such a call may take before another is let through, in ms; 30 s by default. */
  readonly trialMs?: number;
}

export type BreakerState = CircuitState;

/** What moved a breaker from one state to another, and when by the clock of its store. */
export interface BreakerChange extends BreakerKey {
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly reason: 'failures_in_a_row' | 'open_time_passed' | 'trial_failed' | 'trial_succeeded';
  readonly failures: number;
  /** The name of the failure that was the last straw. */
  readonly error: string | null;
  readonly at: Date;
}

/** Told of each change by the process whose call made it; must not throw. */
export type OnBreakerChange = (change: BreakerChange) => void;

/** Each step can make one change only. */
const changesOf: Partial<Record<CircuitStep, Pick<BreakerChange, 'from' | 'reason'>>> = {
  admit: { from: 'open', reason: 'open_time_passed' },
  failed: { from: 'closed', reason: 'failures_in_a_row' },
  'trial failed': { from: 'half_open', reason: 'trial_failed' },
  'trial succeeded': { from: 'half_open', reason: 'trial_succeeded' },
};

interface Seen {
  readonly state: BreakerState;
  /** When the store has forgotten it, if nobody calls. */
  readonly until: number;
}

/** Whether a call may be made; the outcome of a `trial` closes or opens the breaker. */
export type Admission = Pick<CircuitResult, 'allowed' | 'trial' | 'failures' | 'retryAfterMs'>;

/** A breaker that processes share, by the clock of their store. While that does not answer each process counts alone. */
export class CircuitBreaker {
  private readonly local = new MemorySharedState();
  private readonly limits: CircuitLimits;
  private readonly seen = new Map<string, Seen>();

  constructor(
    private readonly shared: SharedState,
    options: BreakerOptions = {},
    private readonly onChange: OnBreakerChange = () => undefined,
  ) {
    this.limits = { failures: 5, windowMs: 30_000, openMs: 30_000, trials: 2, trialMs: 30_000, ...options };
  }

  /** Asks for one call. */
  admit(key: BreakerKey): Promise<Admission> {
    return this.step(key, 'admit');
  }

  /** Reports that an admitted call succeeded; asks the store only when that changes something. */
  async succeeded(key: BreakerKey, { trial, failures }: Admission): Promise<void> {
    if (trial) await this.step(key, 'trial succeeded');
    else if (failures > 0) await this.step(key, 'succeeded');
  }

  /** Reports that an admitted call failed. */
  async failed(key: BreakerKey, { trial }: Admission, error: string | null = null): Promise<void> {
    await this.step(key, trial ? 'trial failed' : 'failed', error);
  }

  /** Reports that an admitted call ended without telling anything of the service. */
  async left(key: BreakerKey, { trial }: Admission): Promise<void> {
    if (trial) await this.step(key, 'trial left');
  }

  async state(key: BreakerKey): Promise<BreakerState> {
    return (await this.step(key, 'look')).state;
  }

  /** What this process last saw of the breakers that are not closed, the worst of each integration. */
  worst(): ReadonlyMap<string, BreakerState> {
    const worst = new Map<string, BreakerState>();
    const now = performance.now();
    for (const [name, { state, until }] of this.seen) {
      const integration = name.slice(name.indexOf(':') + 1);
      if (until <= now) this.seen.delete(name);
      else if (state === 'open' || !worst.has(integration)) worst.set(integration, state);
    }
    return worst;
  }

  private async step(key: BreakerKey, step: CircuitStep, error: string | null = null): Promise<CircuitResult> {
    const name = `${key.tenantId}:${key.integration}`;
    const result = await this.stepIn(name, step);
    if (result.state === 'closed') this.seen.delete(name);
    else this.seen.set(name, { state: result.state, until: performance.now() + circuitTtlMs(this.limits) });
    if (result.changed) this.tell(key, step, result, error);
    return result;
  }

  private tell(
    { tenantId, integration }: BreakerKey,
    step: CircuitStep,
    { state: to, failures, now }: CircuitResult,
    error: string | null,
  ): void {
    const change = changesOf[step];
    if (change === undefined) return;
    this.onChange({ tenantId, integration, ...change, to, failures, error, at: new Date(now) });
  }

  private async stepIn(name: string, step: CircuitStep): Promise<CircuitResult> {
    try {
      return await this.shared.circuit(name, step, this.limits);
    } catch {
      return this.local.circuit(name, step, this.limits);
    }
  }
}
