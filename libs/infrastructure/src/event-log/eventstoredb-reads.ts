import { setTimeout as delay } from 'node:timers/promises';
import {
  BACKWARDS,
  END,
  FORWARDS,
  START,
  StreamNotFoundError,
  type AllStreamSubscription,
  type Credentials,
  type Direction,
  type EventStoreDBClient,
  type StreamingRead,
} from '@eventstore/db-client';
import { readError } from './eventstoredb-errors.js';
import { OURS, serverPosition, type AnyResolved } from './eventstoredb-events.js';
import { LogUnavailable, type Position } from './event-log.js';

const ATTEMPTS = 4;

/** What every call carries: the user, when the connection string names one. */
export interface Access {
  readonly credentials?: Credentials;
}

/** What reading needs of the client. The client gives reads no deadline, so each has one of its own here. */
export class ServerReads {
  constructor(
    private readonly client: EventStoreDBClient,
    /** Longest silence of a read, in milliseconds. */
    private readonly deadlineMs: number,
    private readonly closing: AbortSignal,
    private readonly access: Access,
  ) {}

  /** Up to `count` answers of a stream from a revision on, `undefined` being its end; none for a stream that is absent. */
  async stream(name: string, from: bigint | undefined, count: number, direction: Direction): Promise<AnyResolved[]> {
    const options = { direction, fromRevision: from ?? END, maxCount: count, ...this.access } as const;
    return this.persistently(() => this.client.readStream(name, options));
  }

  /** Up to `count` answers of the whole log, from a position on that may be among them; null: from the beginning. */
  async forwards(from: Position | null, count: number): Promise<AnyResolved[]> {
    const fromPosition = from === null ? START : serverPosition(from);
    return this.persistently(() =>
      this.client.readAll({ direction: FORWARDS, fromPosition, maxCount: count, ...this.access }),
    );
  }

  /** Up to `count` answers, newest first, before a position that may be among them; null: from the head. */
  async backwards(from: Position | null, count: number): Promise<AnyResolved[]> {
    const fromPosition = from === null ? END : serverPosition(from);
    return this.persistently(() =>
      this.client.readAll({ direction: BACKWARDS, fromPosition, maxCount: count, ...this.access }),
    );
  }

  subscribe(after: Position | null): AllStreamSubscription {
    return this.client.subscribeToAll({
      fromPosition: after === null ? START : serverPosition(after),
      filter: { filterOn: 'streamName', regex: OURS, checkpointInterval: 1 },
      ...this.access,
    });
  }

  /** A read changes nothing, so what may pass is tried again at once: the client reconnects on the next call only. */
  private async persistently(start: () => StreamingRead<AnyResolved>): Promise<AnyResolved[]> {
    for (let attempt = 1; ; attempt += 1) {
      if (this.closing.aborted) throw new LogUnavailable('the log is closed', 1_000);
      try {
        return await collect(start(), this.deadlineMs);
      } catch (cause) {
        if (cause instanceof StreamNotFoundError) return [];
        const error = readError(cause);
        if (attempt >= ATTEMPTS || !(error instanceof LogUnavailable)) throw error;
        await delay(10 * 4 ** attempt, undefined, { signal: this.closing }).catch(() => undefined);
      }
    }
  }
}

function collect(stream: StreamingRead<AnyResolved>, deadlineMs: number): Promise<AnyResolved[]> {
  return new Promise((resolve, reject) => {
    const found: AnyResolved[] = [];
    const timer = setTimeout(() => {
      stream.cancel().catch(() => undefined);
      reject(new LogUnavailable('the event log does not answer', deadlineMs));
    }, deadlineMs);
    stream.on('data', (answer: AnyResolved) => {
      timer.refresh();
      found.push(answer);
    });
    // Stays after the end: an error that comes late must not end the process.
    stream.on('error', (error: Error) => {
      clearTimeout(timer);
      reject(error);
    });
    stream.on('end', () => {
      clearTimeout(timer);
      resolve(found);
    });
  });
}
