import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { EventStoreStandIn } from '#test/support/eventstore-stand-in/stand-in.js';
import { eventLogContract } from '../event-log/event-log.contract.js';

eventLogContract('EventStoreDB, on its stand-in', async () => {
  const standIn = await EventStoreStandIn.start();
  const open = (): Promise<EventStoreDbEventLog> =>
    // The suite looks for a fenced writer at once, so the control is read before each append.
    EventStoreDbEventLog.open({ connectionString: standIn.url, controlMaxAgeMs: 0 });
  const [log, other] = [await open(), await open()];
  return {
    log,
    other,
    close: async () => {
      await log.close();
      await other.close();
      await standIn.close();
    },
  };
});
