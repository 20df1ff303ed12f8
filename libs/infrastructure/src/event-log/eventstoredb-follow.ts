import { setTimeout as delay } from 'node:timers/promises';
import type { AllStreamSubscription } from '@eventstore/db-client';
import { LogUnavailable, type Batch, type Position, type SubscribeOptions } from './event-log.js';
import { readError } from './eventstoredb-errors.js';
import { passes } from './eventstoredb-events.js';
import { Feed, type Silence } from './eventstoredb-feed.js';

const HEARTBEAT_MS = 900;
/** A server before 23.10 never says that a subscription caught up, so it is asked soon after the last event. */
const ASK_SOON_MS = 50;

/** What a subscription went through, for metrics. */
export type LogSignal =
  | { readonly kind: 'connected' }
  /** The reason is `stopped` when the consumer left. */
  | { readonly kind: 'dropped'; readonly reason: string; readonly wasConnected: boolean }
  | { readonly kind: 'resubscribed' };

export interface FollowSettings {
  /** First and longest wait before a new subscription, in milliseconds; the waits between double and are jittered. */
  readonly firstBackoffMs: number;
  readonly longestBackoffMs: number;
  /** A subscription that is behind the head and brings nothing for so many milliseconds is given up. */
  readonly silenceMs: number;
  readonly onEvent: (signal: LogSignal) => void;
}

export interface FollowSource {
  subscribe(after: Position | null): AllStreamSubscription;
  head(): Promise<Position | null>;
  note(position: Position): void;
}

/**
 * Follows the server's log for ever. The client never subscribes again by itself, so this does, always after the last
 * batch that the consumer took, never after what merely arrived.
 */
export async function* followServer(
  source: FollowSource,
  options: SubscribeOptions,
  settings: FollowSettings,
): AsyncGenerator<Batch, void, undefined> {
  const { signal, batchSize = 1_000 } = options;
  let after = options.after;
  let failures = 0;
  while (!signal.aborted) {
    if (failures > 0) settings.onEvent({ kind: 'resubscribed' });
    const feed = new Feed(source.subscribe(after), after, Math.max(64, 2 * batchSize), () =>
      settings.onEvent({ kind: 'connected' }),
    );
    failures += 1;
    try {
      for await (const batch of batchesOf(feed, { source, options, settings, batchSize, after })) {
        after = batch.scannedTo;
        failures = 1;
        yield batch;
      }
    } finally {
      const reason = feed.ended?.reason ?? 'stopped';
      feed.close();
      settings.onEvent({ kind: 'dropped', reason, wasConnected: feed.connected });
    }
    if (signal.aborted) return;
    throwIfFatal(feed);
    await delay(backoff(failures, settings), undefined, { signal }).catch(() => undefined);
  }
}

interface Following {
  readonly source: FollowSource;
  readonly options: SubscribeOptions;
  readonly settings: FollowSettings;
  readonly batchSize: number;
  readonly after: Position | null;
}

/** The batches of one subscription, until it ends, falls silent, or the signal aborts. */
async function* batchesOf(feed: Feed, following: Following): AsyncGenerator<Batch, void, undefined> {
  const { source, options, settings } = following;
  const { signal, filter } = options;
  let at = following.after;
  let askAt = 0;
  for (;;) {
    await feed.ready(askAt - performance.now(), signal);
    if (signal.aborted) return;
    await gather(feed, following.batchSize);
    const events = feed.take(following.batchSize);
    const last = events.at(-1);
    if (last !== undefined) {
      at = last.position;
      source.note(at);
      const caughtUp = feed.live && feed.drained;
      yield { events: events.filter((event) => passes(event, filter)), scannedTo: at, caughtUp };
      feed.activeAt = performance.now();
      askAt = feed.activeAt + (feed.live || !feed.drained ? HEARTBEAT_MS : ASK_SOON_MS);
    } else if (feed.ended !== undefined) {
      return;
    } else if (performance.now() >= askAt) {
      const place = await placeInLog(source, at, feed);
      if (place === 'head') yield { events: [], scannedTo: at, caughtUp: true };
      else feed.giveUp(place, settings.silenceMs);
      askAt = performance.now() + HEARTBEAT_MS;
    }
  }
}

/** What arrives in the same moment goes together. */
async function gather(feed: Feed, batchSize: number): Promise<void> {
  for (let quiet = 0, size = -1; feed.size > 0 && feed.size < batchSize && quiet < 3; quiet += 1) {
    if (feed.size !== size) quiet = 0;
    size = feed.size;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Where a quiet subscription stands. A heartbeat is only given once this was asked, and nothing came meanwhile. */
async function placeInLog(source: FollowSource, at: Position | null, feed: Feed): Promise<'head' | Silence> {
  try {
    const head = await source.head();
    return (head ?? '') <= (at ?? '') && feed.size === 0 ? 'head' : 'silence';
  } catch (error) {
    if (error instanceof LogUnavailable) return 'unreachable';
    throw error;
  }
}

function throwIfFatal({ ended }: Feed): void {
  if (ended?.fatal !== undefined) throw ended.fatal;
  if (ended?.error === undefined) return;
  const error = readError(ended.error);
  if (!(error instanceof LogUnavailable)) throw error;
}

function backoff(failures: number, { firstBackoffMs, longestBackoffMs }: FollowSettings): number {
  const full = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 20));
  return full * (0.5 + Math.random() / 2);
}
