import { setTimeout as delay } from 'node:timers/promises';
import {
  BACKWARDS,
  FORWARDS,
  NotLeaderError,
  WrongExpectedVersionError,
  type AppendExpectedRevision,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  WrongExpectedRevision,
  type AppendResult,
  type Expected,
  type Position,
} from './event-log.js';
import { appendError } from './eventstoredb-errors.js';
import { placeOf, positionOfServer, proposalOf } from './eventstoredb-events.js';
import type { Access, ServerReads } from './eventstoredb-reads.js';
import type { PreparedAppend } from './prepared-append.js';

const LEADER_ATTEMPTS = 5;

/** Most unknown outcomes that are remembered, to tell a repetition from a first append. */
const UNSURE = 10_000;

/** The newest position that this process has seen: what is not newer was stored before. */
export class Frontier {
  at: Position = '';

  note(position: Position): void {
    if (position > this.at) this.at = position;
  }
}

export interface AppendSettings {
  /** Longest wait for the server's answer in milliseconds. */
  readonly deadlineMs: number;
  readonly maxInFlight: number;
  readonly access: Access;
}

/** Sends appends, each as a call of its own, and finds out what became of them. */
export class ServerAppends {
  private readonly sending = new Set<Promise<unknown>>();
  /** The last append of each event id that is under way. */
  private readonly byId = new Map<string, Promise<unknown>>();
  /** First ids of appends whose outcome was unknown. */
  private readonly unsure = new Set<string>();

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly reads: ServerReads,
    private readonly frontier: Frontier,
    private readonly settings: AppendSettings,
  ) {}

  /** Resolves when all appends that are under way have their outcome. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.sending);
  }

  /** Rejects with the errors of the port; with `AppendOutcomeUnknown` for a signal that aborts once it was sent. */
  async append(append: PreparedAppend, signal?: AbortSignal): Promise<AppendResult> {
    if (this.sending.size >= this.settings.maxInFlight) throw new LogUnavailable('too many appends are waiting', 100);
    const before = append.events.map(({ id }) => this.byId.get(id)).filter((other) => other !== undefined);
    const outcome = Promise.allSettled(before).then(() => this.send(append));
    this.sending.add(outcome);
    for (const { id } of append.events) this.byId.set(id, outcome);
    const forget = (): void => {
      this.sending.delete(outcome);
      for (const { id } of append.events) if (this.byId.get(id) === outcome) this.byId.delete(id);
    };
    outcome.then(forget, forget);
    return signal === undefined ? outcome : unlessAborted(outcome, append.stream, signal);
  }

  private async send(append: PreparedAppend): Promise<AppendResult> {
    const first = append.events[0]?.id ?? '';
    if (this.unsure.has(first)) await this.noteHead();
    const seen = this.frontier.at;
    try {
      const { nextExpectedRevision: revision, position } = await this.call(append);
      // With several events, servers differ in which of them the answered position is of.
      const exact = position !== undefined && append.events.length === 1;
      const place = exact ? positionOfServer(position) : await this.placeAt(append, revision);
      this.unsure.delete(first);
      return this.result(revision, place, seen);
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) return await this.conflict(append, error.actualVersion);
      const known = error instanceof AppendOutcomeUnknown ? error : appendError(append.stream, error);
      if (known instanceof AppendOutcomeUnknown) this.doubt(first);
      throw known;
    }
  }

  private doubt(id: string): void {
    this.unsure.add(id);
    if (this.unsure.size <= UNSURE) return;
    const [oldest = ''] = this.unsure;
    this.unsure.delete(oldest);
  }

  /** Whatever an earlier try stored is not beyond the head of now. */
  private async noteHead(): Promise<void> {
    const [last] = await this.reads.backwards(null, 1);
    const place = last === undefined ? undefined : placeOf(last);
    if (place !== undefined) this.frontier.note(place);
  }

  private async call(append: PreparedAppend): ReturnType<EventStoreDBClient['appendToStream']> {
    const events = append.events.map(proposalOf);
    for (let attempt = 1; ; attempt += 1) {
      const call = this.client.appendToStream(append.stream, events, {
        expectedRevision: expectedOf(append.expected),
        requiresLeader: true,
        deadline: this.settings.deadlineMs,
        ...this.settings.access,
      });
      try {
        return await within(call, append.stream, this.settings.deadlineMs + 250);
      } catch (error) {
        // Nothing was stored, and the client goes to the leader that it was told of on its next call.
        if (!(error instanceof NotLeaderError) || attempt >= LEADER_ATTEMPTS) throw error;
        await delay(20 * 2 ** attempt);
      }
    }
  }

  /** Reads back where the last event of an append stands. It is stored, so a failure leaves the outcome to be asked again. */
  private async placeAt({ stream }: PreparedAppend, revision: bigint): Promise<Position> {
    const [last] = await this.reads.stream(stream, revision, 1, BACKWARDS).catch((cause: unknown) => {
      throw new AppendOutcomeUnknown(stream, { cause });
    });
    const place = last === undefined ? undefined : placeOf(last);
    if (place === undefined) throw new AppendOutcomeUnknown(stream);
    return place;
  }

  private result(revision: bigint, position: Position, seen: Position): AppendResult {
    this.frontier.note(position);
    return { revision: Number(revision), position, deduplicated: position <= seen };
  }

  /** A conflict with our own events is a repetition: the server forgets ids, its streams do not. */
  private async conflict(append: PreparedAppend, actual: unknown): Promise<AppendResult> {
    const { stream, expected, events } = append;
    const start = startOf(expected);
    const current = typeof actual === 'bigint' ? actual : undefined;
    if (start !== undefined && current !== undefined && current >= start + BigInt(events.length) - 1n) {
      const stored = await this.reads.stream(stream, start, events.length, FORWARDS).catch((cause: unknown) => {
        throw new AppendOutcomeUnknown(stream, { cause });
      });
      const last = stored.at(-1);
      const place = last === undefined ? undefined : placeOf(last);
      const same = stored.length === events.length && stored.every(({ event }, at) => event?.id === events[at]?.id);
      if (same && place !== undefined) return this.result(start + BigInt(events.length) - 1n, place, place);
    }
    throw new WrongExpectedRevision(stream, expected, current === undefined ? 'absent' : Number(current));
  }
}

function expectedOf(expected: Expected): AppendExpectedRevision {
  if (expected === 'no-stream') return 'no_stream';
  if (expected === 'stream-exists') return 'stream_exists';
  return expected === 'any' ? 'any' : BigInt(expected.revision);
}

/** The revision that the first event would have; undefined when the caller expects nothing exact. */
function startOf(expected: Expected): bigint | undefined {
  if (expected === 'no-stream') return 0n;
  return typeof expected === 'object' ? BigInt(expected.revision) + 1n : undefined;
}

/** The client gives its deadline to the server and the call, and still leaves some promises pending for ever. */
function within<T>(call: Promise<T>, stream: string, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new AppendOutcomeUnknown(stream)), ms);
    call.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function unlessAborted<T>(outcome: Promise<T>, stream: string, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new AppendOutcomeUnknown(stream, { cause: signal.reason }));
    signal.addEventListener('abort', abort, { once: true });
    outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
