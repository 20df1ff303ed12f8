import fc from 'fast-check';
import { fold, type AnyDecider, type Decider, type DomainCommand } from '#domain/kernel/decider.js';
import { isRefusal } from '#domain/kernel/errors.js';
import type { DomainEvent, EventTable } from '#domain/kernel/events.js';
import { foldRow, type AnyProjection } from '#domain/kernel/projection.js';
import { fixedFacts } from '#domain/kernel/testing/given.js';
import { eventsOf, historyOf } from './arbitrary.js';

type AnyTyped = Decider<DomainCommand, DomainEvent, unknown>;

const frozen = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const entry of Object.values(value)) frozen(entry);
  return value;
};

/** `evolve` never throws, changes nothing that it was given, and gives the same state again for the same history. */
export function checkFold(decider: AnyDecider, table: EventTable): void {
  const typed = decider as AnyTyped;
  fc.assert(
    fc.property(fc.array(eventsOf(table), { maxLength: 30 }), (history) => {
      const states = [0, 1].map(() =>
        history.reduce((state, event) => frozen(typed.evolve(state, frozen(event))), frozen(typed.initial)),
      );
      expect(states[1]).toEqual(states[0]);
    }),
  );
}

/** A row fold never throws, changes nothing that it was given, and keeps the row's identity. */
export function checkProjection(projection: AnyProjection, table: EventTable, category: string): void {
  fc.assert(
    fc.property(historyOf(table, category), (history) => {
      const rows = new Map<string, ReturnType<typeof foldRow>>();
      for (const event of history) {
        if (projection.onAny === undefined && !Object.hasOwn(projection.on as object, event.type)) continue;
        const id = (projection.key as (of: typeof event) => string)(event);
        const row = foldRow(projection, frozen(event), frozen(rows.get(id)));
        if (row !== undefined) {
          expect(row).toMatchObject({ id, tenant_id: event.tenantId });
          expect(Object.keys(row).sort()).toEqual(Object.keys(projection.columns as object).sort());
        }
        rows.set(id, row);
      }
    }),
  );
}

/**
 * `decide` is pure; what it accepts folds to a state in which the same command changes nothing or is refused, unless the
 * command is one that may happen `again`.
 */
export function checkDecisions<C extends DomainCommand, E extends DomainEvent, S>(
  decider: Decider<C, E, S>,
  events: fc.Arbitrary<E>,
  commands: fc.Arbitrary<C>,
  again: readonly C['type'][] = [],
): void {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 12 }), commands, (history, command) => {
      const state = frozen(fold(decider, history));
      const decision = decider.decide(frozen(command), state, fixedFacts);
      expect(decider.decide(command, state, fixedFacts)).toEqual(decision);
      if (isRefusal(decision) || again.includes(command.type)) return;
      const repeated = decider.decide(command, fold(decider, decision, state), fixedFacts);
      expect(isRefusal(repeated) || repeated.length === 0).toBe(true);
    }),
  );
}
