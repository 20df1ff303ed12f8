import { isRefusal, CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { Decider, Decision, DomainCommand, Facts } from '#domain/kernel/decider.js';
import type { DomainEvent, EventDefinition, EventMetadata } from '#domain/kernel/events.js';
import { upcast } from '#domain/kernel/events.js';
import { checkShape, holdsOddText, type JsonObject } from '#domain/kernel/schema.js';
import { streamName } from '#domain/kernel/streams.js';
import type { Companion } from '../event-log/companions.js';
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  WrongExpectedRevision,
  type AppendOptions,
  type AppendResult,
  type EventLog,
  type NewEvent,
  type Position,
  type StoredEvent,
} from '../event-log/event-log.js';
import { FoldedStreams, keyOf, type Folded } from './folded-streams.js';
import { derivedId } from './ids.js';
import { KeyedQueue } from './keyed-queue.js';

export const commandErrors = defineErrors('commands', {
  contended: ['unavailable', 'STREAM_CONTENDED', 'Too many writers want this at once; try again'],
  oddText: ['validation', 'TEXT_NOT_STORABLE', 'A text holds U+0000 or half a surrogate pair, which nothing can keep'],
});

/** What the edge knows of a command beyond its facts. */
export interface CommandContext {
  readonly correlationId?: string | null;
  readonly causationId?: string | null;
  readonly traceparent?: string | null;
  readonly ipAddress?: string | null;
  readonly userAgent?: string | null;
  /** What it decides is stored under a write freeze too. */
  readonly recovery?: boolean;
  /** The stream is taken to be empty until the log says otherwise: its id was made for this command. */
  readonly fresh?: boolean;
  /** Rows of the database that are stored with what it decides, or not at all. */
  readonly companions?: readonly Companion[];
  /** Called when what it decides goes to the log: from then on it may be stored, whatever is thrown. */
  readonly onAppend?: (() => void) | undefined;
}

export interface CommandOutcome<E extends DomainEvent, S> {
  readonly stream: string;
  readonly commandId: string;
  /** The events of this command; empty when it changed nothing. Personal fields are as stored: sealed. */
  readonly events: readonly E[];
  readonly state: S;
  /** Where the log stood after these events; null when the command appended nothing. */
  readonly position: Position | null;
  /** Whether every companion is stored, with events that this call appended. */
  readonly accompanied: boolean;
}

/** Seals the personal fields of a payload under the keys of their subjects. */
export type SealPersonal = (
  definition: EventDefinition,
  data: JsonObject,
  place: { readonly tenantId: string; readonly stream: string; readonly eventId: string },
) => Promise<JsonObject>;

export interface CommandPathOptions {
  readonly log: EventLog;
  readonly definitions: ReadonlyMap<string, EventDefinition>;
  readonly seal: SealPersonal;
  readonly region?: string | null;
  /** Called at named steps; tests kill the process there. */
  readonly onStep?: (step: 'decided' | 'appended') => Promise<void> | void;
  /** How long conflicts are decided again, in milliseconds; 2,000 by default. */
  readonly retryForMs?: number;
}

function emptyOf<S>({ initial }: { readonly initial: S }): Folded<S> {
  return { state: initial, revision: -1, commands: new Map() };
}

function appendOptionsOf(revision: number, { recovery = false, companions = [] }: CommandContext): AppendOptions {
  return { expected: revision < 0 ? 'no-stream' : { revision }, recovery, companions };
}

function isAccompanied({ companions = [] }: AppendResult): boolean {
  return companions.every(Boolean);
}

const jitter = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.random() * millis));

/**
 * The one way to change state: read the stream, fold, decide, append at the revision that was read. Commands on one
 * stream queue inside the process; a conflict with another process decides again, for at most `retryForMs`.
 */
export class CommandPath {
  private readonly queue = new KeyedQueue();
  private readonly streams: FoldedStreams;
  private readonly retryForMs: number;

  constructor(private readonly options: CommandPathOptions) {
    this.retryForMs = options.retryForMs ?? 2_000;
    this.streams = new FoldedStreams(options.log, (event) => this.newest(event));
  }

  /** Runs a command. Throws CatalogueError for a refusal; log errors pass through. */
  async run<C extends DomainCommand, E extends DomainEvent, S>(
    decider: Decider<C, E, S>,
    streamId: string,
    command: C,
    facts: Facts,
    context: CommandContext = {},
  ): Promise<CommandOutcome<E, S>> {
    const stream = streamName(decider.category, facts.tenantId, streamId);
    return this.queue.run(stream, () => this.decideUntilStored(decider, stream, command, facts, context));
  }

  /** The state of a stream as of now. */
  async load<E extends DomainEvent, S>(decider: Decider<never, E, S>, tenantId: string, streamId: string): Promise<S> {
    const loaded = await this.streams.read(decider, streamName(decider.category, tenantId, streamId));
    return loaded.state;
  }

  /** The state of a stream as this process saw it last, the very one that `load` gives where nothing is new; undefined where it did not. */
  recall<E extends DomainEvent, S>(decider: Decider<never, E, S>, tenantId: string, streamId: string): S | undefined {
    return this.streams.recall<S>(decider, streamName(decider.category, tenantId, streamId))?.state;
  }

  private async decideUntilStored<C extends DomainCommand, E extends DomainEvent, S>(
    decider: Decider<C, E, S>,
    stream: string,
    command: C,
    facts: Facts,
    context: CommandContext,
  ): Promise<CommandOutcome<E, S>> {
    const deadline = Date.now() + this.retryForMs;
    for (let attempt = 0; ; attempt += 1) {
      const { loaded, decision } = await this.decide(decider, stream, command, facts, attempt === 0, context);
      const earlier = loaded.commands.get(facts.commandId);
      if (earlier !== undefined) return this.answerAgain(loaded, stream, facts.commandId, earlier);
      if (isRefusal(decision)) throw CatalogueError.of(decision);
      const base = { stream, commandId: facts.commandId, accompanied: false };
      if (decision.length === 0) return { ...base, events: [], state: loaded.state, position: null };
      const events = await this.prepare(decision, stream, facts, context);
      await this.options.onStep?.('decided');
      try {
        const result = await this.append(stream, events, loaded.revision, context);
        await this.options.onStep?.('appended');
        const stored = events.map(({ type, data }) => ({ type, data }) as unknown as E);
        const state = stored.reduce((old, event) => decider.evolve(old, event), loaded.state);
        this.streams.advance(keyOf(decider, stream), loaded, facts.commandId, stored.length, state);
        return { ...base, events: stored, state, position: result.position, accompanied: isAccompanied(result) };
      } catch (error) {
        if (!(error instanceof WrongExpectedRevision)) throw error;
        if (Date.now() >= deadline) throw new CatalogueError(commandErrors.contended, undefined, { cause: error });
        await jitter(Math.min(100, 5 * 2 ** attempt));
      }
    }
  }

  /**
   * What was folded before is good enough to append on: were it old, the revision would not fit. It is not good enough to
   * refuse on, to do nothing on, or to answer a repeat from.
   */
  private async decide<C extends DomainCommand, E extends DomainEvent, S>(
    decider: Decider<C, E, S>,
    stream: string,
    command: C,
    facts: Facts,
    first: boolean,
    { fresh = false }: CommandContext,
  ): Promise<{ readonly loaded: Folded<S>; readonly decision: Decision<E> }> {
    const recalled = first
      ? (this.streams.recall<S>(decider, stream) ?? (fresh ? emptyOf(decider) : undefined))
      : undefined;
    if (recalled !== undefined && !recalled.commands.has(facts.commandId)) {
      const decision = decider.decide(command, recalled.state, facts);
      if (!isRefusal(decision) && decision.length > 0) return { loaded: recalled, decision };
    }
    const loaded = await this.streams.read(decider, stream);
    return { loaded, decision: decider.decide(command, loaded.state, facts) };
  }

  /** Appends; while the outcome is unknown the same bytes go to the same revision again. */
  private async append(
    stream: string,
    events: readonly NewEvent[],
    revision: number,
    context: CommandContext,
  ): Promise<AppendResult> {
    context.onAppend?.();
    const options = appendOptionsOf(revision, context);
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.options.log.append(stream, events, options);
      } catch (error) {
        const again = error instanceof AppendOutcomeUnknown || (attempt > 0 && error instanceof LogUnavailable);
        if (!again || attempt >= 20) throw error;
        await jitter(Math.min(2_000, 25 * 2 ** attempt));
      }
    }
  }

  private async prepare(
    decision: readonly DomainEvent[],
    stream: string,
    facts: Facts,
    context: CommandContext,
  ): Promise<readonly NewEvent[]> {
    const metadata: EventMetadata = {
      tenantId: facts.tenantId,
      actor: facts.actor,
      commandId: facts.commandId,
      requestId: facts.requestId,
      correlationId: context.correlationId ?? facts.requestId,
      causationId: context.causationId ?? null,
      traceparent: context.traceparent ?? null,
      region: this.options.region ?? null,
      epoch: this.options.log.epoch,
      occurredAt: facts.now,
      ...(context.ipAddress == null ? {} : { ipAddress: context.ipAddress }),
      ...(context.userAgent == null ? {} : { userAgent: context.userAgent.slice(0, 256) }),
    };
    return Promise.all(
      decision.map(async (event, index) => {
        const definition = this.definitionOf(event.type);
        const problem = checkShape(definition.data, event.data);
        if (problem !== undefined) throw unfit(event, problem);
        const id = derivedId(facts.commandId, index);
        const place = { tenantId: facts.tenantId, stream, eventId: id };
        const data = await this.options.seal(definition, event.data as JsonObject, place);
        return { id, type: event.type, schemaVersion: definition.version, data, metadata };
      }),
    );
  }

  private newest(event: StoredEvent): DomainEvent {
    const definition = this.definitionOf(event.type);
    return { type: event.type, data: upcast(definition, event.type, event.schemaVersion, event.data) };
  }

  private async answerAgain<E extends DomainEvent, S>(
    { state }: Folded<S>,
    stream: string,
    commandId: string,
    from: number,
  ): Promise<CommandOutcome<E, S>> {
    const events: E[] = [];
    let position: Position | null = null;
    for await (const event of this.options.log.readStream(stream, { from })) {
      if (event.metadata.commandId !== commandId) break;
      events.push(this.newest(event) as unknown as E);
      position = event.position;
    }
    return { stream, commandId, events, state, position, accompanied: false };
  }

  private definitionOf(type: string): EventDefinition {
    const definition = this.options.definitions.get(type);
    if (definition === undefined) throw new TypeError(`event type ${type} is not declared`);
    return definition;
  }
}

/** A text can come from a caller, through whatever way in; all else is a fault of ours. */
function unfit({ type, data }: DomainEvent, problem: string): Error {
  const cause = new TypeError(`${type}: ${problem}`);
  return holdsOddText(data) ? new CatalogueError(commandErrors.oddText, undefined, { cause }) : cause;
}
