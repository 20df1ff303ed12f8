import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { openTestDatabase, testEngine } from '#test/support/database.js';
import { eventLogContract } from './event-log.contract.js';

eventLogContract(testEngine, async () => {
  const { database, drop } = await openTestDatabase();
  const [log, other] = [await PostgresEventLog.open(database), await PostgresEventLog.open(database)];
  const close = async (): Promise<void> => {
    await Promise.all([log.close(), other.close()]);
    await drop();
  };
  return { log, other, close };
});
