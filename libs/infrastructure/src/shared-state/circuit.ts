export type CircuitState = 'closed' | 'open' | 'half_open';

export interface CircuitLimits {
  /** Failures, one after the other, that open it. */
  readonly failures: number;
  /** After so many ms without a failure those before are forgotten. */
  readonly windowMs: number;
  /** How long it stays open before it is tried again. */
  readonly openMs: number;
  /** Calls that are let through to try it. */
  readonly trials: number;
  /** How long a trial may take before another is let through. */
  readonly trialMs: number;
}

/**
 * What a caller reports: that it wants to call, how an admitted call went (`trial`: one that tries a half-open circuit), or
 * that it only looks.
 */
export type CircuitStep = 'admit' | 'succeeded' | 'failed' | 'trial succeeded' | 'trial failed' | 'trial left' | 'look';

/** As it is stored; times are ms of the store's clock. */
export interface Circuit {
  readonly state: CircuitState;
  /** In a row; of use while closed. */
  readonly failures: number;
  /** Closed: when the failures are forgotten. Open: when it is tried again. Half open: when trials count as lost. */
  readonly until: number;
  /** Trials under way; of use while half open. */
  readonly trials: number;
}

export interface CircuitResult {
  readonly state: CircuitState;
  readonly allowed: boolean;
  /** The call's outcome closes or opens the circuit. */
  readonly trial: boolean;
  readonly failures: number;
  /** Ms until it is worth asking again; 0 when allowed. */
  readonly retryAfterMs: number;
  /** This step moved the circuit to `state`; of all processes one is told so. */
  readonly changed: boolean;
  /** Ms of the store's clock when it decided. */
  readonly now: number;
}

export const closedCircuit: Circuit = { state: 'closed', failures: 0, until: 0, trials: 0 };

/** Ms that a circuit is kept after it last changed. */
export function circuitTtlMs({ openMs, windowMs, trialMs }: CircuitLimits): number {
  return Math.max(4 * openMs, 60_000, windowMs, openMs + trialMs);
}

type Stepped = { readonly next: Circuit; readonly result: CircuitResult };

/** One step; `circuitScript` is the same in Redis. */
export function stepCircuit(circuit: Circuit, step: CircuitStep, limits: CircuitLimits, now: number): Stepped {
  if (step === 'admit') return admitted(circuit, limits, now);
  if (step === 'look') return told(circuit, circuit, now);
  const next = reported(circuit, step, limits, now);
  return told(circuit, next, now);
}

function admitted(circuit: Circuit, limits: CircuitLimits, now: number): Stepped {
  if (circuit.state === 'closed') return told(circuit, circuit, now, { allowed: true });
  const again = circuit.until <= now;
  if (circuit.state === 'half_open' && circuit.trials < limits.trials && !again)
    return told(circuit, { ...circuit, trials: circuit.trials + 1 }, now, { allowed: true, trial: true });
  if (!again) return told(circuit, circuit, now, { retryAfterMs: circuit.until - now });
  const next: Circuit = { state: 'half_open', failures: circuit.failures, until: now + limits.trialMs, trials: 1 };
  return told(circuit, next, now, { allowed: true, trial: true });
}

function reported(circuit: Circuit, step: CircuitStep, limits: CircuitLimits, now: number): Circuit {
  const open: Circuit = { state: 'open', failures: circuit.failures, until: now + limits.openMs, trials: 0 };
  if (circuit.state === 'closed') {
    if (step === 'succeeded') return closedCircuit;
    if (step !== 'failed') return circuit;
    const failures = (circuit.until > now ? circuit.failures : 0) + 1;
    return failures >= limits.failures ? { ...open, failures } : { ...circuit, failures, until: now + limits.windowMs };
  }
  if (circuit.state === 'open') return circuit;
  if (step === 'trial succeeded') return closedCircuit;
  if (step === 'trial failed') return open;
  return step === 'trial left' ? { ...circuit, trials: Math.max(0, circuit.trials - 1) } : circuit;
}

function told(before: Circuit, next: Circuit, now: number, verdict: Partial<CircuitResult> = {}): Stepped {
  const { state, failures } = next;
  const result = { state, failures, allowed: false, trial: false, retryAfterMs: 0, ...verdict };
  return { next, result: { ...result, changed: before.state !== state, now } };
}
