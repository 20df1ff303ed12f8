import { CircuitBreaker, type BreakerState } from '#infra/shared-state/circuit-breaker.js';
import { MemorySharedState } from '#infra/shared-state/memory-shared-state.js';
import { Outbound } from '#infra/shared-state/outbound.js';
import type { Manner } from '#test/support/wire-server.js';
import { until } from '#test/support/until.js';

export interface TestOutbound {
  readonly outbound: Outbound;
  state(tenantId: string, integration: string): Promise<BreakerState>;
  until(holds: () => boolean): Promise<unknown>;
}

/** The deadline of one attempt in ms: short only where it is what ends the call, since a busy machine is slow with any. */
export const deadlineAgainst = (manner: Manner): number =>
  manner === 'slow-headers' || manner === 'slow-tokens' ? 2_000 : 60_000;

/** The way out as the product has it: two attempts, each ended after `timeoutMs`, and a breaker of five failures or so. */
export function openTestOutbound(timeoutMs = 60_000, failures = 5): TestOutbound {
  const breaker = new CircuitBreaker(new MemorySharedState(), { failures, openMs: 3_600_000 });
  return {
    outbound: new Outbound(breaker, { timeoutMs, attempts: 2, pauseMs: 1 }),
    state: (tenantId, integration) => breaker.state({ tenantId, integration }),
    until: (holds) => until('it happened', () => Promise.resolve(holds())),
  };
}
