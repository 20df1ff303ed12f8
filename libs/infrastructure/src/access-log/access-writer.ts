import { AsyncLocalStorage } from 'node:async_hooks';
import { isTransient } from '#infra/database/database-errors.js';
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  WriterFenced,
  type EventLog,
  type NewEvent,
} from '#infra/event-log/event-log.js';
import { untilBeat } from '#infra/batching/beats.js';
import { pause } from '#infra/projections/backoff.js';

/** An access event that waits to be written. */
export interface Waiting {
  /** The day's stream of its tenant. */
  readonly stream: string;
  /** Made when it is written, so that a request does not pay for it; asked once. */
  readonly event: () => NewEvent;
  /** Told when the event is stored. */
  readonly stored?: () => void;
}

export interface AccessWriterOptions {
  readonly log: EventLog;
  /** Milliseconds that an event waits for others; to the first beat that is 25 away by default. */
  readonly gatherMs?: number;
  /** Most events that wait, stored ones under way among them; more are dropped. 50,000 by default. */
  readonly capacity?: number;
  /** Told of what could not be written. */
  readonly onProblem: (error: unknown) => void;
}

/** Events in one round: few enough that serialising them holds the event loop for some milliseconds only. */
const ROUND = 1_000;
const LONGEST_PAUSE_MS = 1_000;
/** A batch waits at least so long for more events. */
const GATHER_MS = 25;

/** Writes access events in batches, one append a stream. What cannot be written now is tried again with the same ids. */
export class AccessWriter {
  private waiting: Waiting[] = [];
  private underWay = 0;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private urgent = false;
  private toldOf = 0;
  private readonly giveUp = new AbortController();
  /** Leaves the request behind that an event comes from: its transaction, its log scope. */
  private readonly outside = AsyncLocalStorage.snapshot();
  private readonly counts = { stored: 0, dropped: 0, retried: 0 };

  constructor(private readonly options: AccessWriterOptions) {}

  /** Events stored, dropped, and appends sent again, since the start; and how many wait now. */
  get stats() {
    return { ...this.counts, waiting: this.waiting.length + this.underWay };
  }

  /** Takes an event, to be written soon, or at once; false when there is no room for it. */
  add(event: Waiting, when: 'soon' | 'at once'): boolean {
    if (this.waiting.length + this.underWay >= (this.options.capacity ?? 50_000)) {
      this.counts.dropped += 1;
      return false;
    }
    this.waiting.push(event);
    if (when === 'at once') this.wake();
    else this.timer ??= setTimeout(() => this.wake(), this.options.gatherMs ?? untilBeat(GATHER_MS));
    return true;
  }

  /** Writes what waits, for at most `graceMs`; what is left then is dropped and told of. */
  async stop(graceMs: number): Promise<void> {
    const deadline = setTimeout(() => this.giveUp.abort(), graceMs);
    while (this.waiting.length > 0 && !this.giveUp.signal.aborted) {
      this.wake();
      await this.running;
    }
    await this.running;
    clearTimeout(deadline);
    this.giveUp.abort();
    this.drop(this.waiting.length);
    this.waiting = [];
    clearTimeout(this.timer);
    this.tellOfDropped();
  }

  private wake(): void {
    this.urgent = true;
    this.running ??= this.outside(() => this.run()).finally(() => (this.running = undefined));
  }

  private async run(): Promise<void> {
    // One turn of the loop, so that all refusals of this turn go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.urgent && this.waiting.length > 0 && !this.giveUp.signal.aborted) {
      clearTimeout(this.timer);
      this.timer = undefined;
      const round = this.waiting.splice(0, ROUND);
      this.urgent = this.waiting.length > 0;
      await this.write(round);
    }
    this.urgent = false;
    this.tellOfDropped();
  }

  private async write(round: readonly Waiting[]): Promise<void> {
    this.underWay = round.length;
    try {
      const streams = Map.groupBy(round, ({ stream }) => stream);
      await Promise.all(
        [...streams].map(([stream, waiting]) => {
          const entries = waiting.map((one) => ({ event: one.event(), stored: one.stored }));
          return this.append(stream, entries);
        }),
      );
    } catch (error) {
      this.options.onProblem(error);
    } finally {
      this.underWay = 0;
    }
  }

  private async append(stream: string, entries: readonly Entry[]): Promise<void> {
    const events = entries.map(({ event }) => event);
    const { signal } = this.giveUp;
    for (let wait = 25; !signal.aborted; wait = Math.min(LONGEST_PAUSE_MS, wait * 2)) {
      try {
        await this.options.log.append(stream, events, { expected: 'any', signal });
        this.counts.stored += entries.length;
        for (const { stored } of entries) stored?.();
        return;
      } catch (error) {
        if (signal.aborted) break;
        if (!mayPass(error)) return this.withoutPoison(stream, entries, error);
        if (wait === 25) this.options.onProblem(error);
        this.counts.retried += 1;
        await pause(wait, signal);
      }
    }
    this.drop(entries.length);
  }

  /** One event that the log will never take must not take the others with it. */
  private async withoutPoison(stream: string, entries: readonly Entry[], error: unknown): Promise<void> {
    if (entries.length === 1) {
      this.drop(1);
      this.options.onProblem(error);
      return;
    }
    const half = Math.ceil(entries.length / 2);
    await this.append(stream, entries.slice(0, half));
    await this.append(stream, entries.slice(half));
  }

  private drop(count: number): void {
    this.counts.dropped += count;
  }

  private tellOfDropped(): void {
    const fresh = this.counts.dropped - this.toldOf;
    if (fresh === 0) return;
    this.toldOf = this.counts.dropped;
    this.options.onProblem(new Error(`${fresh} access events could not be recorded and were dropped`));
  }
}

interface Entry {
  readonly event: NewEvent;
  readonly stored: (() => void) | undefined;
}

function mayPass(error: unknown): boolean {
  return (
    error instanceof AppendOutcomeUnknown ||
    error instanceof LogUnavailable ||
    error instanceof WriterFenced ||
    isTransient(error)
  );
}
