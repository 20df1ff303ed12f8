import { hidden, type Database } from '#infra/database/database.js';
import { databaseCodeOf, isTransient } from '#infra/database/database-errors.js';
import { AppendQueue, type AppendQueueLimits } from './append-queue.js';
import {
  LogUnavailable,
  WriterFenced,
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
import { follow, Nudges } from './follow.js';
import { LogTail } from './log-tail.js';
import { appendBatch, type AppendFunction } from './postgres-appends.js';
import { ordinalOf, positionOf, prepareAppend, type PreparedAppend } from './prepared-append.js';
import { eventColumns, rawEvents, storedEvents, type EventRow, type RawEvent } from './stored-row.js';
import { STREAM_PAGE, StreamReads } from './stream-reads.js';

export interface PostgresEventLogOptions {
  /** The epoch under which this process appends; the stored one by default. */
  readonly epoch?: number;
  readonly queue?: AppendQueueLimits;
}

const logNumbers: Readonly<Record<LogId, number>> = { domain: 1, access: 2 };

/** Positions that one filtered read looks at, so that a sparse filter never scans the whole log at once. */
const FILTER_WINDOW = 20_000;

/** Of each event its stream is looked up (`offset 0`): a kept plan must not join the page with all streams. */
const selectEvents = `select ${eventColumns('s.name')} from log.event e
  cross join lateral (select n.name, n.category from log.stream n where n.stream_pk = e.stream_pk offset 0) s`;

/** First position that is left, less one: what retention cut off the access log is a prefix. */
const cutTo = `coalesce((select min(position) from log.event where log_id = $1), 1) - 1`;

/** A row of a filtered read; the event's columns are null when nothing matched. */
type FilteredRow = { readonly [K in keyof EventRow]: EventRow[K] | null } & {
  readonly head: string;
  readonly until: string;
};

/** The event log on Postgres or PGlite: gapless positions in commit order, appends in groups. */
export class PostgresEventLog implements EventLog {
  readonly capabilities = { gapless: true };
  private readonly number: number;
  private readonly nudges = new Nudges();
  private readonly tail = new LogTail();
  private flushing = 0;
  private heard = 0n;
  private readonly queue: AppendQueue<AppendResult>;
  private readonly underFreeze: AppendQueue<AppendResult>;
  private readonly closing = new AbortController();
  private readonly streams: StreamReads;
  private listening: Promise<() => Promise<void>> | undefined;

  private constructor(
    private readonly database: Database,
    readonly log: LogId,
    private currentEpoch: number,
    limits: AppendQueueLimits | undefined,
  ) {
    this.number = logNumbers[log];
    this.streams = new StreamReads(database, this.number);
    const queueOf = (by: AppendFunction): AppendQueue<AppendResult> =>
      new AppendQueue((batch) => this.flush(batch, by), limits);
    this.queue = queueOf('append_batch');
    this.underFreeze = queueOf('append_under_freeze');
  }

  /** Opens a log of a migrated database. */
  static async open(
    database: Database,
    log: LogId = 'domain',
    options: PostgresEventLogOptions = {},
  ): Promise<PostgresEventLog> {
    const stored = await readControl(database, logNumbers[log]);
    return new PostgresEventLog(database, log, options.epoch ?? stored.epoch, options.queue);
  }

  get epoch(): number {
    return this.currentEpoch;
  }

  async append(stream: string, events: readonly NewEvent[], options: AppendOptions): Promise<AppendResult> {
    // On one session the flush would wait for the very transaction that waits for it.
    if (this.database.inTransaction) throw new Error('an append cannot be part of a database transaction');
    const append = prepareAppend(stream, events, options.expected, options.companions);
    const stored = this.queue.push(append, options.signal);
    if (options.recovery !== true) return stored;
    return stored.catch((error: unknown) => {
      if (!(error instanceof WriterFenced) || error.reason !== 'frozen') throw error;
      return this.underFreeze.push(append, options.signal);
    });
  }

  async *readStream(stream: string, options: ReadStreamOptions = {}): AsyncGenerator<StoredEvent, void, undefined> {
    const backwards = options.direction === 'backwards';
    let next = options.from ?? (backwards ? Number.MAX_SAFE_INTEGER : 0);
    for (let left = options.limit ?? Infinity; left > 0; left -= STREAM_PAGE) {
      const size = Math.min(left, STREAM_PAGE);
      const events = storedEvents(await this.streams.page(stream, next, size, backwards).catch(unreadable));
      yield* events;
      const last = events.at(-1);
      if (last === undefined || events.length < size) return;
      next = last.revision + (backwards ? -1 : 1);
    }
  }

  async readAll(options: { after: Position | null; limit: number; filter?: Filter }): Promise<Page> {
    const { after, limit, filter } = options;
    if (filter?.types !== undefined || filter?.categories !== undefined) return this.readFiltered(after, limit, filter);
    const events = storedEvents(await this.readRows(after, limit));
    return { events, scannedTo: events.at(-1)?.position ?? after, atHead: events.length < limit };
  }

  /** A page for the ledger: exact texts, payload not parsed. Fewer than `limit` means that the head was reached. */
  async readRaw(after: Position | null, limit: number): Promise<readonly RawEvent[]> {
    return rawEvents(await this.readRows(after, limit));
  }

  async readAllBackwards(options: { before: Position | null; limit: number }): Promise<readonly StoredEvent[]> {
    const before = options.before === null ? null : ordinalOf(options.before);
    const bound = 'coalesce($3::bigint, (select position + 1 from log.head where log_id = $1))';
    const rows = await this.query<EventRow>(
      `${selectEvents} where e.log_id = $1 and e.position < ${bound} and e.position >= ${bound} - $2::bigint
        order by e.position desc`,
      [this.number, options.limit, before],
    );
    return storedEvents(rows);
  }

  async *subscribe(options: SubscribeOptions): AsyncGenerator<Batch, void, undefined> {
    this.listening ??= this.listen();
    const signal = AbortSignal.any([options.signal, this.closing.signal]);
    const batches = { readAll: (query: Parameters<EventLog['readAll']>[0]) => this.readNext(query) };
    yield* follow(batches, { ...options, signal }, { nudges: this.nudges, isTransient: isUnavailable });
  }

  async head(): Promise<Position | null> {
    const [row] = await this.queryPrepared<{ position: string }>('select position from log.head where log_id = $1', [
      this.number,
    ]);
    return row === undefined || row.position === '0' ? null : positionOf(row.position);
  }

  writerControl(): Promise<WriterControl> {
    return readControl(this.database, this.number);
  }

  /** Moves the control forward and this process's epoch with it. RangeError for an epoch below the stored one. */
  async setWriterControl(next: WriterControl): Promise<void> {
    const changed = await this.database.execute(
      'update log.head set epoch = $2, frozen = $3 where log_id = $1 and epoch <= $2',
      [this.number, next.epoch, next.frozen],
    );
    if (changed === 0) throw new RangeError(`writer epoch ${next.epoch} is lower than the stored one`);
    this.currentEpoch = next.epoch;
  }

  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all([this.queue.close(), this.underFreeze.close()]);
    const stop = await this.listening;
    await stop?.().catch(() => undefined);
  }

  private async flush(
    batch: readonly PreparedAppend[],
    by: AppendFunction,
  ): Promise<readonly (AppendResult | Error)[]> {
    this.flushing += 1;
    try {
      return await this.store(batch, by);
    } finally {
      this.flushing -= 1;
      // Whoever waits for the append goes on before those who follow the log.
      setImmediate(() => {
        const last = BigInt(this.tail.last);
        this.nudges.nudge(last > this.heard ? last : this.heard);
      });
    }
  }

  private async store(
    batch: readonly PreparedAppend[],
    by: AppendFunction,
  ): Promise<readonly (AppendResult | Error)[]> {
    try {
      const { outcomes, recordedAt } = await appendBatch(this.database, this.number, this.currentEpoch, batch, by);
      if (recordedAt !== undefined) this.tail.note(batch, outcomes, recordedAt);
      return outcomes;
    } catch (error) {
      const all = batch.length === 1 || batch.every(({ companions }) => companions.length === 0);
      if (all || databaseCodeOf(error) === '') throw error;
      // Rows that the database refuses take nobody else's append with them.
      const outcomes: (AppendResult | Error)[] = [];
      for (const append of batch) outcomes.push(...(await this.store([append], by).catch(alone)));
      return outcomes;
    }
  }

  /** What was appended here just now is not read again. */
  private readNext(query: Parameters<EventLog['readAll']>[0]): Promise<Page> {
    const page = this.tail.page(query.after, query.limit, query.filter);
    if (page === undefined) return this.database.detached(() => this.readAll(query));
    return Promise.resolve({ ...page, atHead: page.atHead && this.nudges.reached <= this.tail.last });
  }

  /** Bounded at both ends, so that no plan, however old its statistics, reads the rest of the log for one page. */
  private readRows(after: Position | null, limit: number): Promise<EventRow[]> {
    return this.queryPrepared<EventRow>(
      `${selectEvents} where e.log_id = ${hidden('$1::smallint')} and e.position > ${hidden('$2::bigint')}
          and e.position <= greatest(${hidden('$2::bigint')}, ${cutTo}) + ${hidden('$3::bigint')}
        order by e.position`,
      [this.number, ordinalOf(after), limit],
    );
  }

  /** Head and events come from one snapshot; the head row stands alone when nothing matched. */
  private async readFiltered(after: Position | null, limit: number, filter: Filter): Promise<Page> {
    const rows = await this.queryPrepared<FilteredRow>(
      `select w.head, w.until, x.*
         from (select h.position as head,
                      least(h.position, greatest($2::bigint, ${cutTo}) + ${FILTER_WINDOW}) as until
                 from log.head h where h.log_id = $1) w
         left join lateral (
           ${selectEvents}
            where e.log_id = $1 and e.position > $2::bigint and e.position <= w.until
              and ($4::text[] is null or e.type = any ($4)) and ($5::text[] is null or s.category = any ($5))
            order by e.position limit $3) x on true`,
      [this.number, ordinalOf(after), limit, filter.types ?? null, filter.categories ?? null],
    );
    const [place] = rows;
    if (place === undefined) throw new Error('the event log is not migrated');
    const events = storedEvents(rows.filter((row): row is FilteredRow & EventRow => row.position !== null));
    return filteredPage(events, limit, after, place);
  }

  private query<R>(text: string, params: readonly unknown[]): Promise<R[]> {
    return this.database.query<R>(text, params).catch(unreadable);
  }

  private queryPrepared<R>(text: string, params: readonly unknown[]): Promise<R[]> {
    return this.database.queryPrepared<R>(text, params).catch(unreadable);
  }

  private async listen(): Promise<() => Promise<void>> {
    // Without LISTEN the polling still brings every event.
    const none = (): Promise<void> => Promise.resolve();
    const heard = (head: string): void => {
      if (!/^\d+$/.test(head)) return this.nudges.nudge();
      this.heard = BigInt(head);
      // The server often tells of an append of ours before it answers it.
      if (this.flushing === 0) this.nudges.nudge(this.heard);
    };
    return this.database.listen(`log_${this.number}`, heard).catch(() => none);
  }
}

function filteredPage(events: StoredEvent[], limit: number, after: Position | null, place: FilteredRow): Page {
  const last = events.length === limit ? events.at(-1) : undefined;
  const reached = last?.position ?? positionOf(place.until);
  const scannedTo = reached <= (after ?? positionOf(0)) ? after : reached;
  return { events, scannedTo, atHead: reached >= positionOf(place.head) };
}

function alone(error: unknown): [Error] {
  return [error instanceof Error ? error : new Error(String(error))];
}

function unreadable(cause: unknown): never {
  if (isTransient(cause)) throw new LogUnavailable('the log cannot be read', 500, { cause });
  throw cause;
}

function isUnavailable(error: unknown): boolean {
  return error instanceof LogUnavailable;
}

async function readControl(database: Database, log: number): Promise<WriterControl> {
  const [row] = await database.query<{ epoch: string; frozen: boolean }>(
    'select epoch, frozen from log.head where log_id = $1',
    [log],
  );
  if (row === undefined) throw new Error('the event log is not migrated');
  return { epoch: Number(row.epoch), frozen: row.frozen };
}
