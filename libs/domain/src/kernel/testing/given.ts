import { fold, type DomainCommand, type Decider, type Facts } from '../decider.js';
import { isRefusal, type ErrorRow } from '../errors.js';
import type { DomainEvent, Recorded } from '../events.js';

export const fixedFacts: Facts = {
  tenantId: 't1',
  actor: { type: 'api_key', id: 'ada', role: 'admin' },
  now: '2026-01-02T03:04:05.678Z',
  commandId: '01900000-0000-7000-8000-00000000c0de',
  newId: '01900000-0000-7000-8000-000000000001',
  requestId: 'req-1',
};

function same(actual: unknown, expected: unknown): boolean {
  return JSON.stringify(sorted(actual)) === JSON.stringify(sorted(expected));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, entry]) => [key, sorted(entry)]));
}

function fail(title: string, actual: unknown, expected: unknown): never {
  throw new Error(
    `${title}\nexpected ${JSON.stringify(expected, null, 2)}\nactual   ${JSON.stringify(actual, null, 2)}`,
  );
}

/** Given/when/then for a decider: `specify(decider).given(...events).when(command).then(...events)`; `then` is exact. */
export function specify<C extends DomainCommand, E extends DomainEvent, S>(decider: Decider<C, E, S>) {
  return {
    given: (...history: readonly E[]) => ({
      when: (command: C, facts: Partial<Facts> = {}) => {
        const state = fold(decider, history);
        const decision = decider.decide(command, state, { ...fixedFacts, ...facts });
        return {
          then: (...expected: readonly E[]): void => {
            if (isRefusal(decision)) fail('the command was refused', decision, expected);
            if (!same(decision, expected)) fail('other events were decided', decision, expected);
          },
          thenNothing: (): void => {
            if (isRefusal(decision) || decision.length > 0) fail('nothing was expected', decision, []);
          },
          refuses: (row: ErrorRow, details?: Readonly<Record<string, unknown>>): void => {
            if (!isRefusal(decision)) fail(`a refusal by ${row.code} was expected`, decision, row);
            if (decision.refused.code !== row.code) fail('another refusal', decision.refused.code, row.code);
            if (details !== undefined && !same(decision.details, details))
              fail('other details', decision.details, details);
          },
        };
      },
    }),
  };
}

/** A stored form of an event with fixed, overridable surroundings, for projection specs. */
export function recorded<E extends DomainEvent>(
  event: E,
  over: Partial<Omit<Recorded, 'type' | 'data'>> = {},
): Recorded<E> {
  const tenantId = over.tenantId ?? fixedFacts.tenantId;
  const occurredAt = over.occurredAt ?? fixedFacts.now;
  const metadata = {
    tenantId,
    actor: fixedFacts.actor,
    commandId: fixedFacts.commandId,
    requestId: fixedFacts.requestId,
    correlationId: null,
    causationId: null,
    traceparent: null,
    region: null,
    epoch: 0,
    occurredAt,
  };
  return {
    id: '01900000-0000-7000-8000-0000000000e1',
    stream: `things-${tenantId}.1`,
    revision: 0,
    position: '0000000000000000001',
    schemaVersion: 1,
    metadata,
    ...over,
    tenantId,
    occurredAt,
    ...event,
  };
}
