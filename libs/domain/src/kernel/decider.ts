import type { Actor, DomainEvent } from './events.js';
import type { Refusal } from './errors.js';

/** Everything a decision may know beyond its stream. Stored with an idempotency claim, so that a re-run decides the same. */
export interface Facts {
  readonly tenantId: string;
  readonly actor: Actor;
  /** ISO 8601, UTC, milliseconds. */
  readonly now: string;
  /** Unique per command; every event of the decision carries it. */
  readonly commandId: string;
  /** A fresh uuid v7 for the one thing that the decision may create. */
  readonly newId: string;
  readonly requestId: string | null;
}

export interface DomainCommand {
  readonly type: string;
  readonly data: object;
}

/** Events to append (none: already so), or a refusal from the error catalogue. */
export type Decision<E extends DomainEvent> = readonly E[] | Refusal;

/** One aggregate: a pure fold and a pure decision. `category` is camelCase without a dash; streams are `<category>-<tenant>.<id>`. */
export interface Decider<C extends DomainCommand, E extends DomainEvent, S> {
  readonly category: string;
  /** Of a decider that takes a second look at the streams of another one's category; it leaves that one's events alone. */
  readonly name?: string;
  readonly initial: S;
  readonly decide: (command: C, state: S, facts: Facts) => Decision<E>;
  /** Total: an event that does not fit the state leaves it unchanged. */
  readonly evolve: (state: S, event: E) => S;
}

// Registries hold deciders of every type; bivariance is wanted there and only there.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyDecider = Decider<any, any, any>;

export function defineDecider<C extends DomainCommand, E extends DomainEvent, S>(
  decider: Decider<C, E, S>,
): Decider<C, E, S> {
  return decider;
}

/** Folds a history to a state. */
export function fold<E extends DomainEvent, S>(
  decider: Pick<Decider<never, E, S>, 'initial' | 'evolve'>,
  events: Iterable<E>,
  from: S = decider.initial,
): S {
  let state = from;
  for (const event of events) state = decider.evolve(state, event);
  return state;
}
