import type { Config } from '#infra/config/config.js';
import type { Database } from '#infra/database/database.js';
import { LogUnavailable, type EventLog } from '#infra/event-log/event-log.js';
import { EventStoreDbEventLog } from '#infra/event-log/eventstoredb-event-log.js';
import type { LogSignal } from '#infra/event-log/eventstoredb-follow.js';
import { LogSignals } from '#infra/event-log/log-signals.js';
import { PostgresEventLog } from '#infra/event-log/postgres-event-log.js';
import { waitFor, type StartLog } from './stores.js';

export interface DomainLog {
  readonly log: EventLog;
  readonly signals: LogSignals;
}

/** Opens the domain log on EVENTSTORE_URL, waiting for a server that is not there yet; without it, in the database. */
export async function openDomainLog(config: Config, database: Database, log: StartLog): Promise<DomainLog> {
  const signals = new LogSignals();
  const url = config.data.EVENTSTORE_URL;
  if (url === undefined) return { log: await PostgresEventLog.open(database, 'domain'), signals };
  const onEvent = (signal: LogSignal): void => {
    signals.note(signal);
    if (signal.kind !== 'dropped' || signal.reason === 'stopped') return;
    log.warn(`a subscription to the event log was dropped (${signal.reason}) and is taken up again`);
  };
  const open = (): Promise<EventLog> =>
    EventStoreDbEventLog.open({ connectionString: url.reveal(), database, onEvent });
  return { log: await waitFor('the event log', log, open, (error) => error instanceof LogUnavailable), signals };
}
