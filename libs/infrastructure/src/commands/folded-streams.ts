import type { Decider } from '#domain/kernel/decider.js';
import type { DomainEvent } from '#domain/kernel/events.js';
import type { EventLog, StoredEvent } from '../event-log/event-log.js';

/** A stream folded up to a revision; -1: it has no event. */
export interface Folded<S> {
  readonly state: S;
  readonly revision: number;
  /** The revision of the first event of each command, to answer a repeat from. */
  readonly commands: ReadonlyMap<string, number>;
}

/** Moves on with every reader of its stream. */
interface Kept {
  state: unknown;
  revision: number;
  readonly commands: Map<string, number>;
  /** How many of the commands are in the sum of all streams. */
  counted: number;
}

/** Bounds of what is kept: streams, and commands of all of them together (about 150 bytes each). */
const KEPT_STREAMS = 2_000;
const KEPT_COMMANDS = 20_000;
const KEPT_COMMANDS_OF_ONE = 5_000;

/** Streams as far as this process has folded them, so that a command reads only what is new. */
export class FoldedStreams {
  private readonly kept = new Map<string, Kept>();
  private keptCommands = 0;

  constructor(
    private readonly log: Pick<EventLog, 'readStream'>,
    /** A stored event in the newest version of its type. */
    private readonly newest: (event: StoredEvent) => DomainEvent,
  ) {}

  /** The stream as of now. */
  async read<E extends DomainEvent, S>(decider: Decider<never, E, S>, stream: string): Promise<Folded<S>> {
    const key = keyOf(decider, stream);
    const kept = this.kept.get(key) ?? keptOf(decider.initial, -1);
    for await (const event of this.log.readStream(stream, { from: kept.revision + 1 })) {
      // Another reader of this stream may have been quicker.
      if (event.revision !== kept.revision + 1) continue;
      kept.revision = event.revision;
      const { commandId } = event.metadata;
      if (!kept.commands.has(commandId)) kept.commands.set(commandId, event.revision);
      kept.state = decider.evolve(kept.state as S, this.newest(event) as unknown as E);
    }
    this.keep(key, kept);
    return { state: kept.state as S, revision: kept.revision, commands: kept.commands };
  }

  /** The stream as it was last seen, without a look at the log: others may have written more. */
  recall<S>(decider: Named, stream: string): Folded<S> | undefined {
    const kept = this.kept.get(keyOf(decider, stream));
    return kept === undefined
      ? undefined
      : { state: kept.state as S, revision: kept.revision, commands: kept.commands };
  }

  /** Takes what this process has just appended along: `count` events of one command, which made `state` of `before`. */
  advance<S>(key: string, before: Folded<S>, commandId: string, count: number, state: S): void {
    const kept = this.kept.get(key) ?? keptOf(before.state, before.revision, before.commands);
    if (kept.revision !== before.revision) return;
    kept.commands.set(commandId, before.revision + 1);
    kept.revision += count;
    kept.state = state;
    this.keep(key, kept);
  }

  private keep(key: string, kept: Kept): void {
    this.forget(key);
    if (kept.commands.size > KEPT_COMMANDS_OF_ONE) return;
    this.kept.set(key, kept);
    kept.counted = kept.commands.size;
    this.keptCommands += kept.counted;
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT_STREAMS && this.keptCommands <= KEPT_COMMANDS) break;
      this.forget(oldest);
    }
  }

  private forget(key: string): void {
    this.keptCommands -= this.kept.get(key)?.counted ?? 0;
    this.kept.delete(key);
  }
}

type Named = { readonly name?: string };

/** Two deciders may look at one stream, each to a state of its own. */
export function keyOf({ name = '' }: Named, stream: string): string {
  return `${name} ${stream}`;
}

function keptOf(state: unknown, revision: number, commands: Iterable<readonly [string, number]> = []): Kept {
  return { state, revision, commands: new Map(commands), counted: 0 };
}
