import type { Database } from '#infra/database/database.js';
import type { LogId } from '#infra/event-log/event-log.js';
import type { HeadStore, SignedHead } from './head-store.js';

const schema = [
  `create schema if not exists ledger_heads`,
  `create table if not exists ledger_heads.head (
     log text primary key, timeline integer not null, note text not null, saved_at timestamptz not null default now())`,
  `create table if not exists ledger_heads.abandoned (
     log text not null, timeline integer not null, note text not null, abandoned_at timestamptz not null default now(),
     primary key (log, timeline))`,
];

/** Signed heads in another database than the one they speak for, so that any of several processes can go on sealing. */
export class PostgresHeadStore implements HeadStore {
  private constructor(private readonly database: Database) {}

  /** Makes the tables; safe to call from several processes at once. The database stays the caller's to close. */
  static async open(database: Database): Promise<PostgresHeadStore> {
    await database.transaction(async () => {
      await database.query(`select pg_advisory_xact_lock(hashtext('nexusrag.ledger_heads'))`);
      for (const statement of schema) await database.execute(statement);
    });
    return new PostgresHeadStore(database);
  }

  async load(log: LogId): Promise<SignedHead | undefined> {
    const rows = await this.database.query<SignedHead>('select timeline, note from ledger_heads.head where log = $1', [
      log,
    ]);
    return rows[0];
  }

  async save(log: LogId, head: SignedHead): Promise<void> {
    await this.database.execute(
      `insert into ledger_heads.head (log, timeline, note) values ($1, $2, $3)
       on conflict (log) do update set timeline = $2, note = $3, saved_at = now()`,
      [log, head.timeline, head.note],
    );
  }

  async archive(log: LogId, head: SignedHead): Promise<void> {
    await this.database.execute(
      `insert into ledger_heads.abandoned (log, timeline, note) values ($1, $2, $3)
       on conflict (log, timeline) do update set note = $3, abandoned_at = now()`,
      [log, head.timeline, head.note],
    );
  }
}
