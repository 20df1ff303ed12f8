import type { Database } from '#infra/database/database.js';
import { LEASE_CHANNEL } from './generations.js';

/** Milliseconds for which a heartbeat counts. */
export const READER_TTL_MS = 20_000;

export interface ReadVersion {
  readonly table: string;
  readonly version: number;
}

export interface LiveReader extends ReadVersion {
  readonly processId: string;
  readonly seenAt: Date;
}

/** Which live process reads which version of which table. */
export class ReaderStore {
  constructor(private readonly database: Database) {}

  live(): Promise<LiveReader[]> {
    return this.database.query<LiveReader>(
      `select process_id as "processId", table_name as "table", version, seen_at as "seenAt" from projections.readers
        where seen_at > now() - $1 * interval '1 millisecond' order by process_id, table_name, version`,
      [READER_TTL_MS],
    );
  }

  /** Marks the versions as read by this process now, and forgets processes that have been silent for an hour. */
  async beat(processId: string, versions: readonly ReadVersion[]): Promise<void> {
    await this.database.query(
      `insert into projections.readers (process_id, table_name, version)
       select $1, table_name, version from unnest($2::text[], $3::int[]) as w(table_name, version)
       on conflict (process_id, table_name, version) do update set seen_at = now()`,
      [processId, versions.map((entry) => entry.table), versions.map((entry) => entry.version)],
    );
    await this.database.query(`delete from projections.readers where seen_at < now() - interval '1 hour'`);
  }

  async leave(processId: string): Promise<void> {
    await this.database.query(`delete from projections.readers where process_id = $1`, [processId]);
  }
}

/** Keeps the versions that this process reads fed, by a heartbeat every 5 s until `stop`. */
export class ReaderHeartbeat {
  private readonly store: ReaderStore;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: {
      readonly database: Database;
      readonly processId: string;
      readonly versions: readonly ReadVersion[];
    },
  ) {
    this.store = new ReaderStore(options.database);
  }

  async start(): Promise<void> {
    const { database, processId, versions } = this.options;
    await this.store.beat(processId, versions);
    await database.notify(LEASE_CHANNEL, '');
    this.timer = setInterval(() => {
      // A missed beat is made good by the next; the time to live covers three.
      this.store.beat(processId, versions).catch(() => undefined);
    }, 5_000).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.store.leave(this.options.processId);
  }
}
