import { BACKWARDS, EventStoreDBClient, FORWARDS } from '@eventstore/db-client';
import type { Database } from '#infra/database/database.js';
import { appendBeside } from './companions.js';
import {
  LogUnavailable,
  type AppendOptions,
  type AppendResult,
  type Batch,
  type EventLog,
  type Filter,
  type LogId,
  type NewEvent,
  type Page,
  type Position,
  type ReadStreamOptions,
  type StoredEvent,
  type SubscribeOptions,
  type WriterControl,
} from './event-log.js';
import { Frontier, ServerAppends } from './eventstoredb-appends.js';
import { ServerControl } from './eventstoredb-control.js';
import { isOurs, placeOf, storedEventOf, type AnyResolved } from './eventstoredb-events.js';
import { followServer, type FollowSettings, type LogSignal } from './eventstoredb-follow.js';
import { ServerReads, type Access } from './eventstoredb-reads.js';
import { Scan } from './eventstoredb-scan.js';
import { prepareAppend } from './prepared-append.js';

export interface EventStoreDbOptions {
  /** As the client takes it: `esdb://user:password@host:2113?tls=false`, `esdb+discover://…`. */
  readonly connectionString: string;
  /** The epoch under which this process appends; the stored one by default. */
  readonly epoch?: number;
  /** Longest wait for an append's answer, and longest silence of a read; 10,000 ms. */
  readonly deadlineMs?: number;
  /** Most appends under way; more are refused with `LogUnavailable`. 4,096. */
  readonly maxInFlight?: number;
  /** How old the writer control may be by which an append goes; 250 ms. */
  readonly controlMaxAgeMs?: number;
  /** See `FollowSettings`; 100 ms, 30,000 ms and 5,000 ms. */
  readonly firstBackoffMs?: number;
  readonly longestBackoffMs?: number;
  readonly silenceMs?: number;
  /** Where the rows are that belong to appends; without it there are none. */
  readonly database?: Database;
  /** Told what subscriptions go through: connected, dropped with its reason, resubscribed. */
  readonly onEvent?: (signal: LogSignal) => void;
}

const PAGE = 500;
/** Answers that one filtered read looks at, so that a sparse filter never scans the whole log at once. */
const FILTER_WINDOW = 20_000;

/**
 * The domain log on an EventStoreDB cluster, version 22.6 or later. Positions are `<commit>:<prepare>`, not gapless. A
 * repeated append that expects `any` is recognised as long as the server remembers its ids.
 */
export class EventStoreDbEventLog implements EventLog {
  readonly log: LogId = 'domain';
  readonly capabilities = { gapless: false };
  private readonly closing = new AbortController();
  private readonly frontier = new Frontier();
  private readonly reads: ServerReads;
  private readonly appends: ServerAppends;
  private readonly control: ServerControl;
  private currentEpoch = 0;
  /** How far the server's own events after the last one of ours were looked at. */
  private beyond: { readonly own: Position | null; readonly scanned: Position } | undefined;

  private constructor(
    private readonly client: EventStoreDBClient,
    private readonly options: EventStoreDbOptions,
  ) {
    const { deadlineMs = 10_000, maxInFlight = 4_096, controlMaxAgeMs: maxAgeMs = 250 } = options;
    const access = accessOf(options.connectionString);
    this.reads = new ServerReads(client, deadlineMs, this.closing.signal, access);
    this.appends = new ServerAppends(client, this.reads, this.frontier, { deadlineMs, maxInFlight, access });
    this.control = new ServerControl(client, this.reads, this.log, { maxAgeMs, deadlineMs, access });
  }

  /** Connects and reads the writer control. `LogUnavailable` when the server does not answer, `LogAccessDenied` when it refuses. */
  static async open(options: EventStoreDbOptions): Promise<EventStoreDbEventLog> {
    const log = new EventStoreDbEventLog(clientOf(options.connectionString), options);
    try {
      log.currentEpoch = options.epoch ?? (await log.control.read()).epoch;
      return log;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  get epoch(): number {
    return this.currentEpoch;
  }

  async append(stream: string, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult> {
    const append = prepareAppend(stream, events, options.expected, options.companions);
    if (!isOurs(stream)) throw new RangeError('the category of writer controls holds nothing else');
    options.signal?.throwIfAborted();
    await this.control.check(this.currentEpoch, options.recovery);
    options.signal?.throwIfAborted();
    this.throwIfClosed();
    const { database } = this.options;
    return appendBeside(database, append.companions, () => this.appends.append(append, options.signal));
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncGenerator<StoredEvent, void, undefined> {
    const [direction, step] = options.direction === 'backwards' ? ([BACKWARDS, -1] as const) : ([FORWARDS, 1] as const);
    let next = startOf(options);
    for (let left = options.limit ?? Infinity; left > 0 && next !== -1n; left -= PAGE) {
      const size = Math.min(left, PAGE);
      const events = (await this.reads.stream(stream, next, size, direction)).map((answer) => this.event(answer));
      yield* events;
      const last = events.at(-1);
      if (last === undefined || events.length < size) return;
      next = BigInt(last.revision + step);
    }
  }

  async readAll(options: { after: Position | null; limit: number; filter?: Filter }): Promise<Page> {
    const { after, limit, filter } = options;
    const scan = new Scan(limit, filter, after, this.beyond?.own === after ? this.beyond.scanned : after);
    while (!scan.full && (scan.looked < FILTER_WINDOW || scan.scannedTo === after)) {
      // One more, because the server begins with the event that stands at the position.
      const size = (filter === undefined ? Math.min(PAGE, scan.room) : PAGE) + 1;
      const answers = await this.reads.forwards(scan.cursor, size);
      scan.add(answers, (answer) => this.event(answer));
      if (scan.full || answers.length >= size) continue;
      if (scan.cursor !== null) this.beyond = { own: scan.scannedTo, scanned: scan.cursor };
      return scan.page(true);
    }
    return scan.page(false);
  }

  async readAllBackwards(options: { before: Position | null; limit: number }): Promise<readonly StoredEvent[]> {
    return (await this.lastOnes(options.before, options.limit)).map((answer) => this.event(answer));
  }

  subscribe(options: SubscribeOptions): AsyncGenerator<Batch, void, undefined> {
    const signal = AbortSignal.any([options.signal, this.closing.signal]);
    const source = {
      subscribe: (after: Position | null) => this.reads.subscribe(after),
      head: () => this.head(),
      note: (position: Position) => this.frontier.note(position),
    };
    return followServer(source, { ...options, signal }, followSettings(this.options));
  }

  async head(): Promise<Position | null> {
    const [last] = await this.lastOnes(null, 1);
    return (last && placeOf(last)) ?? null;
  }

  writerControl(): Promise<WriterControl> {
    return this.control.read();
  }

  /** Moves the control forward and this process's epoch with it. RangeError for an epoch below the stored one. */
  async setWriterControl(next: WriterControl): Promise<void> {
    await this.control.set(next);
    this.currentEpoch = next.epoch;
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.appends.settled();
    await this.client.dispose();
    // The client has no way to close its channel, whose timers and socket would outlive it.
    const client = this.client as unknown as { getChannel(): Promise<{ close(): void }> };
    await client.getChannel().then(
      (channel) => channel.close(),
      () => undefined,
    );
  }

  private throwIfClosed(): void {
    if (this.closing.signal.aborted) throw new LogUnavailable('the log is closed', 1_000);
  }

  /** Up to `limit` answers that hold events of ours, newest first. */
  private async lastOnes(before: Position | null, limit: number): Promise<AnyResolved[]> {
    const found: AnyResolved[] = [];
    let cursor = before;
    for (let size = Math.min(PAGE, limit) + 1; found.length < limit; size = PAGE) {
      const answers = await this.reads.backwards(cursor, size);
      for (const answer of answers) {
        const place = placeOf(answer);
        if (place === undefined || (cursor !== null && place >= cursor)) continue;
        cursor = place;
        if (answer.event !== undefined && isOurs(answer.event.streamId)) found.push(answer);
      }
      if (answers.length < size) break;
    }
    return found.slice(0, limit);
  }

  private event(answer: AnyResolved): StoredEvent {
    const event = storedEventOf(answer);
    this.frontier.note(event.position);
    return event;
  }
}

/** The first revision to read; undefined for the stream's last. */
function startOf({ from, direction }: ReadStreamOptions): bigint | undefined {
  if (from !== undefined) return BigInt(Math.max(-1, from));
  return direction === 'backwards' ? undefined : 0n;
}

function followSettings(options: EventStoreDbOptions): FollowSettings {
  const { firstBackoffMs = 100, longestBackoffMs = 30_000, silenceMs = 5_000, onEvent } = options;
  return { firstBackoffMs, longestBackoffMs, silenceMs, onEvent: onEvent ?? (() => undefined) };
}

const user = /^([^:]+:\/\/)([^:@/]+):([^@/]+)@/;

/**
 * A client that makes a call of each append: on the duplex that it shares between them, one failure rejects everyone's.
 * It is not told the user, because it prints connection strings. RangeError for what is none.
 */
function clientOf(connectionString: string): EventStoreDBClient {
  let client: EventStoreDBClient;
  try {
    // The client knows the scheme by its older name only.
    const esdb = connectionString.replace(user, '$1').replace(/^kurrentdb(?=:|\+discover:)/, 'esdb');
    client = EventStoreDBClient.connectionString(esdb);
  } catch {
    throw new RangeError('the connection string of the event log is not one that the client understands');
  }
  Reflect.set(client, 'supports', () => Promise.resolve(false));
  return client;
}

function accessOf(connectionString: string): Access {
  const [, , username, password] = user.exec(connectionString) ?? [];
  if (username === undefined || password === undefined) return {};
  return { credentials: { username: decodeURIComponent(username), password: decodeURIComponent(password) } };
}
