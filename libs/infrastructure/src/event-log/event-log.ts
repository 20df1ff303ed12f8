import type { EventMetadata } from '#domain/kernel/events.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Companion } from './companions.js';

/** The two logs: `domain` is kept for ever, `access` is cut by retention. */
export type LogId = 'domain' | 'access';

/**
 * A place in a log: opaque, fixed width, ordered byte by byte. Postgres and memory: 20 decimal digits, gapless from 1.
 * EventStoreDB: `<commit 20 digits>:<prepare 20 digits>`.
 */
export type Position = string;

/** What the caller believes of the stream: anything, absent, present, or its exact last revision (0-based). */
export type Expected = 'any' | 'no-stream' | 'stream-exists' | { readonly revision: number };

/** An event to append. The caller chooses the id, so a retry with the same ids is safe. */
export interface NewEvent {
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: JsonObject;
  readonly metadata: EventMetadata;
}

/** An event as stored. `raw` holds the exact bytes (RFC 8785 canonical JSON as text) that proofs are over. */
export interface StoredEvent {
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: JsonObject;
  readonly metadata: EventMetadata;
  readonly recordedAt: string;
  readonly raw: { readonly data: string; readonly metadata: string };
}

export interface AppendResult {
  /** Revision of the stream's last event after this append. */
  readonly revision: number;
  /** Position of the last event of this append. */
  readonly position: Position;
  /** True when the log held these very events already. */
  readonly deduplicated: boolean;
  /** For each companion of the append, in order, whether it is stored; absent where there were none. */
  readonly companions?: readonly boolean[];
}

export interface AppendOptions {
  readonly expected: Expected;
  /** Stops waiting; if the append was under way already its outcome is unknown. */
  readonly signal?: AbortSignal;
  /** Taken under a write freeze too; an older epoch is refused all the same. */
  readonly recovery?: boolean;
  /** Rows of the database that are stored with the events, or not at all. */
  readonly companions?: readonly Companion[];
}

/** Types to return and categories to return; both absent: all. */
export interface Filter {
  readonly types?: readonly string[];
  readonly categories?: readonly string[];
}

export interface ReadStreamOptions {
  readonly from?: number;
  readonly direction?: 'forwards' | 'backwards';
  readonly limit?: number;
}

export interface Page {
  readonly events: readonly StoredEvent[];
  /** Everything up to here was looked at, also what the filter left out; null in an empty log. */
  readonly scannedTo: Position | null;
  readonly atHead: boolean;
}

export interface SubscribeOptions {
  readonly after: Position | null;
  readonly filter?: Filter;
  readonly signal: AbortSignal;
  /** Most events in one batch; 1,000 by default. */
  readonly batchSize?: number;
  /** Called before a read at the head: what is appended until it returns is read together. */
  readonly rest?: (signal: AbortSignal) => Promise<void>;
}

/** A batch of a subscription, in order. An empty batch is a heartbeat or progress past filtered events. */
export interface Batch {
  readonly events: readonly StoredEvent[];
  readonly scannedTo: Position | null;
  readonly caughtUp: boolean;
}

/** Limits of one append. */
export const MAX_EVENTS_PER_APPEND = 1_000;
export const MAX_BYTES_PER_APPEND = 4 * 1024 * 1024;

/** Raises the writer epoch, or freezes writes: appends of an older epoch, or under a freeze but for `recovery`, are refused. */
export interface WriterControl {
  readonly epoch: number;
  readonly frozen: boolean;
}

/** One event log. All adapters pass the suite in test/contract/event-log. */
export interface EventLog {
  readonly log: LogId;
  readonly capabilities: { readonly gapless: boolean };
  append(stream: string, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult>;
  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<StoredEvent>;
  readAll(options: { after: Position | null; limit: number; filter?: Filter }): Promise<Page>;
  /** Pages backwards from the head or from `before` (exclusive), newest first. */
  readAllBackwards(options: { before: Position | null; limit: number }): Promise<readonly StoredEvent[]>;
  /** Follows the log for ever; resubscribes by itself; ends when the signal aborts. Back-pressure: the next batch is read when the last was taken. */
  subscribe(options: SubscribeOptions): AsyncIterable<Batch>;
  head(): Promise<Position | null>;
  /** Writer control: reads it, or moves it forward. A lower epoch than the stored one is refused. */
  writerControl(): Promise<WriterControl>;
  setWriterControl(next: WriterControl): Promise<void>;
  /** The epoch under which this process appends. */
  readonly epoch: number;
  close(): Promise<void>;
}

export class WrongExpectedRevision extends Error {
  readonly actual: number | 'absent';
  constructor(stream: string, expected: Expected, actual: number | 'absent') {
    super(`stream ${stream} is at ${actual}, expected ${JSON.stringify(expected)}`);
    this.name = 'WrongExpectedRevision';
    this.actual = actual;
  }
}

export class AppendTooLarge extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AppendTooLarge';
  }
}

/** What must be stored before an append cannot be; nothing was appended. */
export class AppendRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AppendRefused';
  }
}

/** Timeout or lost connection in mid-append: only the same events at the same revision may be sent again. */
export class AppendOutcomeUnknown extends Error {
  constructor(stream: string, options?: ErrorOptions) {
    super(`whether the append to ${stream} was stored is not known`, options);
    this.name = 'AppendOutcomeUnknown';
  }
}

/** The log can not be reached, or its queue is full; nothing was stored. */
export class LogUnavailable extends Error {
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LogUnavailable';
    this.retryAfterMs = retryAfterMs;
  }
}

/** This writer's epoch is older than the log's, or writes are frozen. */
export class WriterFenced extends Error {
  readonly reason: 'epoch' | 'frozen';
  constructor(reason: 'epoch' | 'frozen') {
    super(reason === 'epoch' ? 'a newer writer epoch is in force' : 'writes are frozen');
    this.name = 'WriterFenced';
    this.reason = reason;
  }
}

/** A stored event whose bytes do not parse, or that contradicts its place. */
export class CorruptEvent extends Error {
  readonly position: Position;
  constructor(position: Position, message: string) {
    super(`event at ${position}: ${message}`);
    this.name = 'CorruptEvent';
    this.position = position;
  }
}
