import { MemoryEventLog } from '#infra/event-log/memory-event-log.js';
import { eventLogContract } from './event-log.contract.js';

eventLogContract('memory', () => {
  const log = new MemoryEventLog();
  return Promise.resolve({ log, close: () => log.close() });
});
