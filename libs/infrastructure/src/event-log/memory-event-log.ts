import type { EventMetadata } from '#domain/kernel/events.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { parseStream } from '#domain/kernel/streams.js';
import {
  LogUnavailable,
  WriterFenced,
  WrongExpectedRevision,
  type AppendOptions,
  type AppendResult,
  type Batch,
  type EventLog,
  type Expected,
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
import { follow, Nudges } from './follow.js';
import { ordinalOf, positionOf, prepareAppend, type PreparedAppend } from './prepared-append.js';

/** The event log of unit tests: the semantics of the Postgres adapter in one process, nothing kept. */
export class MemoryEventLog implements EventLog {
  readonly capabilities = { gapless: true };
  private readonly events: StoredEvent[] = [];
  private readonly streams = new Map<string, StoredEvent[]>();
  private readonly byId = new Map<string, StoredEvent>();
  private readonly nudges = new Nudges();
  private readonly closing = new AbortController();
  private control: WriterControl = { epoch: 0, frozen: false };
  private recordedAt = 0;

  constructor(
    readonly log: LogId = 'domain',
    private currentEpoch = 0,
    /** The clock of `recordedAt`, in milliseconds. */
    private readonly now: () => number = Date.now,
  ) {}

  get epoch(): number {
    return this.currentEpoch;
  }

  async append(stream: string, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult> {
    const append = prepareAppend(stream, events, options.expected, options.companions);
    refuseCompanions(append);
    await Promise.resolve();
    options.signal?.throwIfAborted();
    if (this.closing.signal.aborted) throw new LogUnavailable('the log is closed', 1_000);
    if (this.currentEpoch < this.control.epoch) throw new WriterFenced('epoch');
    if (this.control.frozen && options.recovery !== true) throw new WriterFenced('frozen');
    const stored = this.streams.get(stream) ?? [];
    const known = append.events.map(({ id }) => this.byId.get(id));
    if (known.some((event) => event !== undefined)) return repetition(append, known, stored.length - 1);
    if (!matches(options.expected, stored.length - 1)) throw conflict(append, stored.length - 1);
    return this.store(append, stored);
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncGenerator<StoredEvent, void, undefined> {
    await Promise.resolve();
    const all = this.streams.get(stream) ?? [];
    const backwards = options.direction === 'backwards';
    const from = options.from ?? (backwards ? Infinity : 0);
    const chosen = backwards ? all.filter((e) => e.revision <= from).reverse() : all.filter((e) => e.revision >= from);
    yield* chosen.slice(0, options.limit ?? chosen.length);
  }

  async readAll(options: { after: Position | null; limit: number; filter?: Filter }): Promise<Page> {
    await Promise.resolve();
    const found: StoredEvent[] = [];
    let at = Number(ordinalOf(options.after));
    for (; at < this.events.length && found.length < options.limit; at += 1) {
      const event = this.events[at];
      if (event !== undefined && passes(event, options.filter)) found.push(event);
    }
    const scannedTo = at === 0 ? null : positionOf(at);
    return { events: found, scannedTo, atHead: at >= this.events.length };
  }

  async readAllBackwards(options: { before: Position | null; limit: number }): Promise<readonly StoredEvent[]> {
    await Promise.resolve();
    const end = options.before === null ? this.events.length : Number(ordinalOf(options.before)) - 1;
    return this.events.slice(Math.max(0, end - options.limit), Math.max(0, end)).reverse();
  }

  subscribe(options: SubscribeOptions): AsyncGenerator<Batch, void, undefined> {
    const signal = AbortSignal.any([options.signal, this.closing.signal]);
    return follow(this, { ...options, signal }, { nudges: this.nudges, isTransient: () => false });
  }

  head(): Promise<Position | null> {
    return Promise.resolve(this.events.at(-1)?.position ?? null);
  }

  writerControl(): Promise<WriterControl> {
    return Promise.resolve(this.control);
  }

  /** RangeError for an epoch below the stored one. */
  async setWriterControl(next: WriterControl): Promise<void> {
    await Promise.resolve();
    if (next.epoch < this.control.epoch) {
      throw new RangeError(`writer epoch ${next.epoch} is lower than the stored one`);
    }
    this.control = { epoch: next.epoch, frozen: next.frozen };
    this.currentEpoch = next.epoch;
  }

  close(): Promise<void> {
    this.closing.abort();
    return Promise.resolve();
  }

  private store(append: PreparedAppend, stored: StoredEvent[]): AppendResult {
    this.recordedAt = Math.max(this.recordedAt, this.now());
    for (const { id, type, schemaVersion, data, metadata } of append.events) {
      const event: StoredEvent = {
        id,
        stream: append.stream,
        revision: stored.length,
        position: positionOf(this.events.length + 1),
        type,
        schemaVersion,
        // Parsed from the bytes, so that nobody shares an object with the appender.
        data: JSON.parse(data) as JsonObject,
        metadata: JSON.parse(metadata) as EventMetadata,
        recordedAt: new Date(this.recordedAt).toISOString(),
        raw: { data, metadata },
      };
      stored.push(event);
      this.events.push(event);
      this.byId.set(id, event);
    }
    this.streams.set(append.stream, stored);
    this.nudges.nudge();
    return { revision: stored.length - 1, position: positionOf(this.events.length), deduplicated: false };
  }
}

function refuseCompanions({ companions }: PreparedAppend): void {
  if (companions.length > 0) throw new RangeError('rows are not kept in memory');
}

function repetition(append: PreparedAppend, known: readonly (StoredEvent | undefined)[], actual: number): AppendResult {
  const first = known[0]?.revision ?? -1;
  const start = startOf(append.expected) ?? first;
  const same = known.every((event, at) => event?.stream === append.stream && event.revision === start + at);
  const last = known.at(-1);
  if (!same || last === undefined) throw conflict(append, actual);
  return { revision: last.revision, position: last.position, deduplicated: true };
}

/** The revision that the first event would have; undefined when the caller expects nothing exact. */
function startOf(expected: Expected): number | undefined {
  if (expected === 'no-stream') return 0;
  return typeof expected === 'object' ? expected.revision + 1 : undefined;
}

function matches(expected: Expected, actual: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'stream-exists') return actual >= 0;
  return actual === (expected === 'no-stream' ? -1 : expected.revision);
}

function conflict(append: PreparedAppend, actual: number): WrongExpectedRevision {
  return new WrongExpectedRevision(append.stream, append.expected, actual < 0 ? 'absent' : actual);
}

function passes(event: StoredEvent, filter: Filter | undefined): boolean {
  if (filter?.types !== undefined && !filter.types.includes(event.type)) return false;
  if (filter?.categories === undefined) return true;
  return filter.categories.includes(parseStream(event.stream)?.category ?? '');
}
