import type { AllStreamSubscription } from '@eventstore/db-client';
import { CorruptEvent, type Position, type StoredEvent } from './event-log.js';
import { reasonOf } from './eventstoredb-errors.js';
import { isOurs, placeOf, storedEventOf, type AnyResolved } from './eventstoredb-events.js';

/** Positions that a feed remembers, to tell an event that comes twice from one that comes out of order. */
const REMEMBERED = 4_096;

/** Why a feed brings nothing more; `fatal` is what no new subscription would mend. */
export interface FeedEnd {
  readonly reason: string;
  readonly error?: unknown;
  readonly fatal?: Error;
}

/** Nothing comes although there is more, or the server cannot even be asked. */
export type Silence = 'silence' | 'unreachable';

/** One subscription to the server and what it has brought: bounded, in order, each event once. */
export class Feed {
  ended: FeedEnd | undefined;
  connected = false;
  /** The server said that what it sends now is what happens now. */
  live = false;
  /** When something last came, or the consumer came back, by `performance.now()`: its own time is no silence. */
  activeAt = performance.now();
  private buffer: StoredEvent[] = [];
  private last: Position;
  private taken: Position;
  private readonly recent: Position[] = [];
  private readonly known = new Set<Position>();
  private wake: (() => void) | undefined;

  constructor(
    private readonly subscription: AllStreamSubscription,
    private readonly after: Position | null,
    private readonly room: number,
    onConnected: () => void,
  ) {
    this.last = after ?? '';
    this.taken = this.last;
    subscription.on('confirmation', () => {
      this.connected = true;
      onConnected();
    });
    subscription.on('data', (answer: AnyResolved) => this.receive(answer));
    subscription.on('caughtUp', () => this.change(() => (this.live = true)));
    subscription.on('fellBehind', () => (this.live = false));
    // Stays for ever: an error that comes late must not end the process.
    subscription.on('error', (error: Error) => this.end({ reason: reasonOf(error), error }));
    subscription.on('end', () => this.end({ reason: 'ended' }));
    subscription.on('close', () => this.end({ reason: 'closed' }));
  }

  get size(): number {
    return this.buffer.length;
  }

  /** Nothing is left here, nor between here and the server's stream. */
  get drained(): boolean {
    return this.buffer.length === 0 && this.subscription.readableLength === 0;
  }

  take(count: number): readonly StoredEvent[] {
    const events = this.buffer.slice(0, count);
    this.buffer = this.buffer.slice(count);
    this.taken = events.at(-1)?.position ?? this.taken;
    if (this.subscription.isPaused() && this.buffer.length < this.room / 2) this.subscription.resume();
    return events;
  }

  /** Resolves when something is there or the feed has ended, after `ms`, or when the signal aborts. */
  async ready(ms: number, signal: AbortSignal): Promise<void> {
    if (this.buffer.length > 0 || this.ended !== undefined || ms <= 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.wake = done;
    });
  }

  /** Ends a feed that has been quiet for longer than `patienceMs`. */
  giveUp(reason: Silence, patienceMs: number): void {
    if (this.buffer.length === 0 && performance.now() - this.activeAt > patienceMs) this.end({ reason });
  }

  close(): void {
    this.ended ??= { reason: 'closed' };
    this.buffer = [];
    this.subscription.pause();
    this.subscription.unsubscribe().catch(() => undefined);
  }

  private receive(answer: AnyResolved): void {
    if (this.ended !== undefined) return;
    this.activeAt = performance.now();
    const place = placeOf(answer);
    if (place === undefined || answer.event === undefined || !isOurs(answer.event.streamId)) return;
    if (place <= this.last) {
      this.stale(place);
      return;
    }
    this.remember(place);
    try {
      const event = storedEventOf(answer);
      this.change(() => this.buffer.push(event));
    } catch (error) {
      // What came before it is still given; the consumer hears of it at its turn.
      this.end({ reason: 'corrupt', error, ...(error instanceof CorruptEvent ? { fatal: error } : {}) });
    }
    if (this.buffer.length >= this.room) this.subscription.pause();
  }

  /** A repetition is dropped. A new event behind the last one is read again in order, or, if too late, reported. */
  private stale(place: Position): void {
    if (place <= (this.after ?? '') || this.known.has(place)) return;
    const oldest = this.recent[0] ?? '';
    if (place < oldest) return;
    const fatal = new CorruptEvent(place, 'the server sent it after a later event');
    this.end({ reason: 'disorder', ...(place <= this.taken ? { fatal } : {}) });
    this.buffer = [];
  }

  private remember(place: Position): void {
    this.last = place;
    this.known.add(place);
    this.recent.push(place);
    if (this.recent.length <= REMEMBERED) return;
    const oldest = this.recent.shift();
    if (oldest !== undefined) this.known.delete(oldest);
  }

  private end(how: FeedEnd): void {
    this.change(() => (this.ended ??= how));
  }

  private change(what: () => unknown): void {
    what();
    this.wake?.();
  }
}
