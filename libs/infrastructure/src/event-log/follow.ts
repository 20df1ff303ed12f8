import { setTimeout as delay } from 'node:timers/promises';
import type { Batch, EventLog, Page, SubscribeOptions } from './event-log.js';

const FIRST_POLL_MS = 100;
const LAST_POLL_MS = 250;
const HEARTBEAT_MS = 900;

/** Wakes those who wait at the head. A nudge between `version` and `wait` is not lost. */
export class Nudges {
  private readonly waiters = new Set<() => void>();
  private latest = 0n;
  version = 0;

  /** The last position that was told of. */
  get reached(): bigint {
    return this.latest;
  }

  /** Wakes all; a position that was told before wakes nobody again, for an append is told of here and by the server. */
  nudge(position?: bigint): void {
    if (position !== undefined) {
      if (position <= this.latest) return;
      this.latest = position;
    }
    this.version += 1;
    for (const wake of this.waiters) wake();
  }

  /** Resolves at the first nudge after `seen`, after `ms`, or when the signal aborts. */
  wait(seen: number, ms: number, signal: AbortSignal): Promise<void> {
    if (this.version !== seen || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener('abort', wake, { once: true });
      this.waiters.add(wake);
    });
  }
}

export interface FollowOptions {
  readonly nudges: Nudges;
  /** True for errors that may pass: the subscription goes on from its last batch, with backoff. */
  readonly isTransient: (error: unknown) => boolean;
}

/**
 * Follows a log by its pages: at once while behind, woken by a nudge or by polling (100 to 250 ms) at the head, with an
 * empty batch at least every second. Ends when the signal aborts; throws what is not transient.
 */
export async function* follow(
  log: Pick<EventLog, 'readAll'>,
  options: SubscribeOptions,
  { nudges, isTransient }: FollowOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { signal, filter, batchSize: limit = 1_000, rest } = options;
  const query = { limit, ...(filter === undefined ? {} : { filter }) };
  let after = options.after;
  let poll = FIRST_POLL_MS;
  let lastYield = -Infinity;
  for (;;) {
    const seen = nudges.version;
    const page = await persist(() => log.readAll({ after, ...query }), signal, isTransient);
    if (page === undefined) return;
    const moved = page.scannedTo !== after;
    after = page.scannedTo;
    if (moved || performance.now() - lastYield >= HEARTBEAT_MS) {
      yield { events: page.events, scannedTo: after, caughtUp: page.atHead };
      lastYield = performance.now();
    }
    poll = moved ? FIRST_POLL_MS : Math.min(LAST_POLL_MS, poll * 2);
    if (!page.atHead) continue;
    await nudges.wait(seen, poll, signal);
    await rest?.(signal);
  }
}

/** Reads until it succeeds, or the signal aborts: then undefined. Throws what is not transient. */
async function persist(
  read: () => Promise<Page>,
  signal: AbortSignal,
  isTransient: (error: unknown) => boolean,
): Promise<Page | undefined> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      const page = await read();
      return signal.aborted ? undefined : page;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isTransient(error)) throw error;
      await delay(backoff(failures), undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

function backoff(failures: number): number {
  return Math.min(2_000, 25 * 2 ** Math.min(failures, 8)) * (0.5 + Math.random() / 2);
}
