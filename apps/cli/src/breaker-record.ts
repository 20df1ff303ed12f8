import { circuitBreakers } from '#domain/capabilities/circuit-breakers/circuit-breakers.decider.js';
import { idFor, newId } from '#infra/commands/ids.js';
import type { PlatformOptions } from '#infra/platform/platform.js';

/** How a change of a breaker is told: by an event of its tenant, also under a write freeze. */
export const recordBreaker: PlatformOptions['recordBreaker'] = (path, { change, commandId }) => {
  const { tenantId, at, ...said } = change;
  const data = { ...said, at: at.toISOString() };
  const actor = { type: 'system', id: 'circuit-breaker', role: null } as const;
  const facts = { tenantId, actor, now: new Date().toISOString(), commandId, newId: newId(), requestId: null };
  const streamId = idFor('circuit-breakers', tenantId, change.integration);
  return path.run(circuitBreakers, streamId, { type: 'RecordBreakerChange', data }, facts, { recovery: true });
};
