import type { EventLog, StoredEvent } from '#infra/event-log/event-log.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import type { TestDatabase } from './database.js';
import { EventStoreStandIn } from './eventstore-stand-in/stand-in.js';

/** Whether the domain log of this run is on the EventStoreDB stand-in: TEST_LOG=eventstore-stand-in. */
export const onStandIn = process.env['TEST_LOG'] === 'eventstore-stand-in';

/** A log belongs to a database, so that whoever opens the same database finds the same history. */
const standIns = new Map<unknown, Promise<EventStoreStandIn>>();

function standInOf({ database, url }: Pick<TestDatabase, 'database' | 'url'>): Promise<EventStoreStandIn> {
  const key = url ?? database;
  const known = standIns.get(key) ?? EventStoreStandIn.start();
  standIns.set(key, known);
  return known;
}

if (onStandIn) {
  afterAll(async () => {
    for (const standIn of standIns.values()) await (await standIn).close();
    standIns.clear();
  });
}

/** The domain log of a test database, on the log that TEST_LOG names. */
export async function openTestLog(test: Pick<TestDatabase, 'database' | 'url'>): Promise<EventLog> {
  if (!onStandIn) return PostgresEventLog.open(test.database, 'domain');
  const { database } = test;
  return EventStoreDbEventLog.open({ connectionString: (await standInOf(test)).url, database });
}

/** What EVENTSTORE_URL is for a process on a test database; nothing where the log is in the database. */
export async function testLogEnv(test: Pick<TestDatabase, 'database' | 'url'>): Promise<Record<string, string>> {
  return onStandIn ? { EVENTSTORE_URL: (await standInOf(test)).url } : {};
}

/** Everything in a log, or everything of some types, in order. */
export async function everyEvent(log: EventLog, types?: readonly string[]): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  const query = { limit: 1_000, ...(types === undefined ? {} : { filter: { types } }) };
  for (let page = await log.readAll({ after: null, ...query }); ;) {
    found.push(...page.events);
    if (page.atHead) return found;
    page = await log.readAll({ after: page.scannedTo, ...query });
  }
}

/** The same of a database whose log other processes have open. */
export async function eventsIn(
  test: Pick<TestDatabase, 'database' | 'url'>,
  types?: readonly string[],
): Promise<StoredEvent[]> {
  const log = await openTestLog(test);
  try {
    return await everyEvent(log, types);
  } finally {
    await log.close();
  }
}
