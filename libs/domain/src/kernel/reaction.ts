import type { DomainCommand } from './decider.js';
import type { DomainEvent, Recorded } from './events.js';
import type { JsonObject } from './schema.js';

/** Work to do because of an event. The job's id derives from the event id, so a replay repeats nothing. */
export type Effect =
  | { readonly kind: 'job'; readonly job: string; readonly data: JsonObject; readonly afterSeconds?: number }
  | {
      readonly kind: 'command';
      /** The category of the decider that takes it. */
      readonly category: string;
      readonly streamId: string;
      readonly command: DomainCommand;
    };

/** Event in, effects out; pure. `from` says where a new reaction starts in the log. */
export interface Reaction<E extends DomainEvent = DomainEvent> {
  readonly name: string;
  readonly from: 'beginning' | 'now';
  readonly on: { readonly [T in E['type']]?: (event: Recorded<Extract<E, { readonly type: T }>>) => readonly Effect[] };
}

// Registries hold reactions of every type; bivariance is wanted there and only there.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyReaction = Reaction<any>;

export function defineReaction<E extends DomainEvent>(reaction: Reaction<E>): Reaction<E> {
  return reaction;
}
