import { setTimeout as delay } from 'node:timers/promises';
import { usageEvents } from '#domain/capabilities/usage/usage.events.js';
import type { EventMetadata } from '#domain/kernel/events.js';
import { streamName } from '#domain/kernel/streams.js';
import { derivedId, idFor } from '#infra/commands/ids.js';
import {
  AppendOutcomeUnknown,
  WrongExpectedRevision,
  type EventLog,
  type NewEvent,
  type Position,
} from '#infra/event-log/event-log.js';
import { UsageRollup, type Served, type UsageRecord } from './usage-rollup.adapter.js';

export interface UsageWriterOptions {
  readonly log: Pick<EventLog, 'append' | 'epoch'>;
  /** Unique to this process and start: only it writes its streams. */
  readonly processId: string;
  readonly onError: (error: unknown) => void;
  /** Milliseconds between two writes while there is something to write; 1,000 by default. */
  readonly everyMs?: number;
}

/** How often an append whose outcome is unknown is sent again at once, with the same bytes to the same revision. */
const TRIES = 4;
const EVENTS_PER_APPEND = 100;

interface Stream {
  readonly name: string;
  readonly tenantId: string;
  readonly day: string;
  readonly waiting: NewEvent[];
  revision: number | undefined;
  /** Sent, and not known to be stored: only these may be sent next. */
  sent: readonly NewEvent[] | undefined;
}

/**
 * Writes what was served to the domain log, one event a tenant and second, on a stream a tenant, day and process. A process
 * that is stopped writes all; one that is killed loses at most its last second. While the log is away, sums wait in memory.
 */
export class UsageWriter {
  private readonly rollup: UsageRollup;
  private readonly streams = new Map<string, Stream>();
  private readonly positions = new Map<string, Position>();
  private readonly timer: NodeJS.Timeout;
  private writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: UsageWriterOptions) {
    this.rollup = new UsageRollup(options.processId);
    this.timer = setInterval(() => void this.write().catch(options.onError), options.everyMs ?? 1_000).unref();
  }

  add(served: Served): void {
    this.rollup.add(served);
  }

  /** Writes what one tenant, or every one, has used up to now. Rejects when the log is away; nothing is lost by that. */
  write(tenantId?: string): Promise<void> {
    const written = this.writing.then(() => this.writeAll(this.rollup.take(tenantId)));
    this.writing = written.catch(() => undefined);
    return written;
  }

  /** Where the log stood after the last event of a tenant; null before the first. */
  writtenTo(tenantId: string): Position | null {
    return this.positions.get(tenantId) ?? null;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      try {
        await this.write();
        return;
      } catch (error) {
        if (attempt === 5) this.options.onError(error);
        await delay(50 * 2 ** attempt);
      }
    }
  }

  private async writeAll(records: readonly UsageRecord[]): Promise<void> {
    for (const record of records) this.streamOf(record).waiting.push(this.eventOf(record));
    const streams = [...this.streams.values()].filter(({ sent, waiting }) => sent !== undefined || waiting.length > 0);
    const done = await Promise.allSettled(streams.map((stream) => this.store(stream)));
    this.forgetOldStreams();
    const failed = done.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** What was sent without an answer goes first, as it was; only then what came since. */
  private async store(stream: Stream): Promise<void> {
    while (stream.sent !== undefined || stream.waiting.length > 0) {
      stream.sent ??= stream.waiting.splice(0, EVENTS_PER_APPEND);
      this.positions.set(stream.tenantId, await this.append(stream, stream.sent));
      stream.sent = undefined;
    }
  }

  private async append(stream: Stream, events: readonly NewEvent[]): Promise<Position> {
    for (let attempt = 1; ; attempt += 1) {
      const expected = stream.revision === undefined ? ('no-stream' as const) : { revision: stream.revision };
      try {
        const { revision, position } = await this.options.log.append(stream.name, events, { expected });
        stream.revision = revision;
        return position;
      } catch (error) {
        if (attempt === TRIES) throw error;
        // Only this process writes the stream: it has forgotten how far it had come.
        if (error instanceof WrongExpectedRevision && error.actual !== 'absent') stream.revision = error.actual;
        else if (!(error instanceof AppendOutcomeUnknown)) throw error;
        await delay(Math.random() * Math.min(2_000, 25 * 2 ** attempt));
      }
    }
  }

  private streamOf({ tenantId, data: { process, minute } }: UsageRecord): Stream {
    const day = minute.slice(0, 10);
    const name = streamName('usage', tenantId, idFor('usage', tenantId, `${day} ${process}`));
    const known = this.streams.get(name);
    if (known !== undefined) return known;
    const stream: Stream = { name, tenantId, day, waiting: [], revision: undefined, sent: undefined };
    this.streams.set(name, stream);
    return stream;
  }

  private eventOf({ id, tenantId, data }: UsageRecord): NewEvent {
    const metadata: EventMetadata = {
      tenantId,
      actor: { type: 'system', id: 'usage', role: null },
      commandId: derivedId(id, 'command'),
      requestId: null,
      correlationId: null,
      causationId: null,
      traceparent: null,
      region: null,
      epoch: this.options.log.epoch,
      occurredAt: new Date().toISOString(),
    };
    return { id, type: 'UsageRecorded', schemaVersion: usageEvents.UsageRecorded.version, data, metadata };
  }

  /** A stream ends with its day; that of the day before is still open around midnight. */
  private forgetOldStreams(): void {
    const oldest = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
    for (const { name, day, sent, waiting } of this.streams.values())
      if (day < oldest && sent === undefined && waiting.length === 0) this.streams.delete(name);
  }
}
