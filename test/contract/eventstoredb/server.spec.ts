import { LogUnavailable } from '#infra/event-log/event-log.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { eventStoreSource, startEventStore } from '#test/support/eventstore-server.js';
import { eventLogContract, type LogUnderTest } from '../event-log/event-log.contract.js';

const source = eventStoreSource();

/** A server in a fresh container takes a while before it answers. */
async function openWhenReady(url: string): Promise<EventStoreDbEventLog> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await EventStoreDbEventLog.open({ connectionString: url, controlMaxAgeMs: 0 });
    } catch (error) {
      if (!(error instanceof LogUnavailable) || Date.now() > deadline) throw error;
    }
  }
}

async function logOn(url: string, stop: () => Promise<void>): Promise<LogUnderTest> {
  const log = await openWhenReady(url);
  const other = await openWhenReady(url);
  const close = async (): Promise<void> => {
    await log.close();
    await other.close();
    await stop();
  };
  return { log, other, close };
}

if (source.kind === 'given') {
  eventLogContract('the EventStoreDB of EVENTSTORE_URL', () => logOn(source.url, () => Promise.resolve()), {
    shared: true,
  });
} else if (source.kind === 'container') {
  eventLogContract('EventStoreDB in a container', async () => {
    const server = await startEventStore();
    return logOn(server.url, () => server.stop());
  });
} else {
  describe('the event log in a real EventStoreDB', () => {
    it.skip(`keeps the contract (skipped: ${source.why})`, () => undefined);
  });
}
