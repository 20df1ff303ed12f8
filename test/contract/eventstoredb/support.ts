import type { AppendOptions, EventLog, NewEvent, StoredEvent } from '#infra/event-log/event-log.js';
import { AppendOutcomeUnknown, LogUnavailable, type AppendResult } from '#infra/event-log/event-log.js';
import { EventStoreDbEventLog, type EventStoreDbOptions } from '#infra/event-log/eventstoredb-event-log.js';
import { EventStoreStandIn } from '#test/support/eventstore-stand-in/stand-in.js';

export interface World {
  readonly standIn: EventStoreStandIn;
  readonly log: EventStoreDbEventLog;
  /** What subscriptions told, as `connected`, `dropped:<reason>`, `resubscribed`. */
  readonly told: string[];
  another(options?: Partial<EventStoreDbOptions>): Promise<EventStoreDbEventLog>;
  close(): Promise<void>;
}

/**
 * A stand-in and a log on it. What the log does by itself, it does soon enough for specs; the deadline of a call is long, since
 * a busy machine is slow, too. Where the deadline is what ends a call, a spec opens another log with a short one.
 */
export async function openWorld(options: Partial<EventStoreDbOptions> = {}): Promise<World> {
  const standIn = await EventStoreStandIn.start();
  const told: string[] = [];
  const logs: EventStoreDbEventLog[] = [];
  const another = async (extra: Partial<EventStoreDbOptions> = {}): Promise<EventStoreDbEventLog> => {
    const log = await EventStoreDbEventLog.open({
      connectionString: standIn.url,
      firstBackoffMs: 5,
      longestBackoffMs: 40,
      silenceMs: 300,
      deadlineMs: 60_000,
      onEvent: (signal) => told.push(signal.kind === 'dropped' ? `dropped:${signal.reason}` : signal.kind),
      ...options,
      ...extra,
    });
    logs.push(log);
    return log;
  };
  const log = await another();
  const close = async (): Promise<void> => {
    for (const opened of logs) await opened.close();
    await standIn.close();
  };
  return { standIn, log, told, another, close };
}

export async function eventsOf(log: EventLog, stream: string): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for await (const event of log.readStream(stream)) found.push(event);
  return found;
}

/** Appends as a caller must: only the same events at the same revision, until the outcome is known; for 30 s. */
export async function untilKnown(
  log: EventLog,
  stream: string,
  events: readonly NewEvent[],
  options: AppendOptions,
): Promise<AppendResult> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await log.append(stream, events, options);
    } catch (error) {
      if (!(error instanceof AppendOutcomeUnknown) && !(error instanceof LogUnavailable)) throw error;
      if (Date.now() > deadline) throw error;
      // A log that is closed refuses at once, and nothing else would ever have its turn.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Everything in the log, page by page. */
export async function everything(log: EventLog): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for (let page = await log.readAll({ after: null, limit: 500 }); ;) {
    found.push(...page.events);
    if (page.atHead) return found;
    page = await log.readAll({ after: page.scannedTo, limit: 500 });
  }
}

/** Waits for a condition, failing after 30 s. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('still not so after 30 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
