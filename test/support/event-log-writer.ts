import { randomUUID } from 'node:crypto';
import { Database } from '#infra/database/database.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { anEvent } from './event-log-events.js';

/** One writer process: node … event-log-writer.ts <url of a database or an EventStoreDB> <name> <rounds>. Prints each acknowledged event's id. */
const [, , url = '', name = '', rounds = '0'] = process.argv;
const database = url.startsWith('esdb:') ? undefined : await Database.open({ url }, { poolSize: 2 });
const log =
  database === undefined
    ? await EventStoreDbEventLog.open({ connectionString: url })
    : await PostgresEventLog.open(database);

// Each lane has a stream of its own and one that every process shares.
const lane = async (at: number): Promise<void> => {
  const own = `parcel-tenant_a.${randomUUID()}`;
  for (let round = 0; round < Number(rounds); round += 1) {
    const event = anEvent({ data: { writer: name, lane: at, round } });
    if (round % 5 === 4) await log.append('shared-tenant_a.all', [event], { expected: 'any' });
    else await log.append(own, [event], { expected: 'any' });
    process.stdout.write(`${event.id}\n`);
  }
};
process.stdout.write('ready\n');
await Promise.all(Array.from({ length: 12 }, (_, at) => lane(at)));
await log.close();
await database?.close();
