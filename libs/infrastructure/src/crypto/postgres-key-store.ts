import type { Destruction, Subject } from '#infra/content/content-store.js';
import type { Database } from '#infra/database/database.js';
import { WrappingKeyStore, type KeyStoreOptions } from './key-store.js';
import type { MasterKey } from './master-key.js';
import { masterKeyCheck, subjectKey, verifyMasterKey } from './wrapped-keys.js';
import type { WrappedKey, WrappedKeys } from './wrapped-keys.js';

const channel = 'nexusrag_keys_erased';
const idsInOneMessage = 100;

// The key database is not the main one, so its tables do not belong to the main migrations.
const schema = [
  `create schema if not exists keys`,
  `create table if not exists keys.meta (only_one boolean primary key default true check (only_one), master_key_check text not null)`,
  `create table if not exists keys.data_key (
     id uuid primary key, tenant_id text not null, subject_kind text not null, subject_id text not null,
     wrapped bytea not null, created_at timestamptz not null,
     unique (tenant_id, subject_kind, subject_id))`,
  `create table if not exists keys.destruction (
     seq bigint generated always as identity primary key, tenant_id text not null, subject_kind text not null,
     subject_id text not null, key_ids uuid[] not null, destroyed_at timestamptz not null,
     unique (tenant_id, subject_kind, subject_id, destroyed_at))`,
];

/** Opens the key store in a database of its own and makes its tables. The database stays the caller's to close. */
export async function openPostgresKeyStore(
  database: Database,
  masterKey: MasterKey,
  options: KeyStoreOptions = {},
): Promise<WrappingKeyStore> {
  await migrateKeys(database);
  await database.execute('insert into keys.meta (master_key_check) values ($1) on conflict do nothing', [
    masterKeyCheck(masterKey),
  ]);
  const rows = await database.query<{ check: string }>('select master_key_check as check from keys.meta');
  verifyMasterKey(masterKey, rows[0]?.check ?? '');
  return WrappingKeyStore.over(new PostgresWrappedKeys(database), masterKey, options);
}

/** Makes the tables of the key database; safe to call from several processes at once. */
export async function migrateKeys(database: Database): Promise<void> {
  await database.transaction(async () => {
    await database.query(`select pg_advisory_xact_lock(hashtext('nexusrag.keys.migrate'))`);
    for (const statement of schema) await database.execute(statement);
  });
}

interface KeyRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly subject_kind: string;
  readonly subject_id: string;
  readonly wrapped: Buffer;
  readonly created_at: Date;
}

const columns = 'k.id, k.tenant_id, k.subject_kind, k.subject_id, k.wrapped, k.created_at';

class PostgresWrappedKeys implements WrappedKeys {
  private unlisten: (() => Promise<void>) | undefined;

  constructor(private readonly database: Database) {}

  async ensure(keys: readonly WrappedKey[]): Promise<readonly WrappedKey[]> {
    // One order for all writers, so that two batches with common subjects wait instead of deadlocking.
    const sorted = [...keys].sort((a, b) => (subjectKey(a.subject) < subjectKey(b.subject) ? -1 : 1));
    const rows = await this.database.queryPrepared<{ id: string }>(
      `insert into keys.data_key (tenant_id, subject_kind, subject_id, id, wrapped, created_at)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::bytea[], $6::timestamptz[])
       on conflict (tenant_id, subject_kind, subject_id) do nothing returning id`,
      [
        ...subjectArrays(sorted.map((key) => key.subject)),
        sorted.map((key) => key.id),
        sorted.map((key) => key.wrapped),
        sorted.map((key) => key.createdAt),
      ],
    );
    const made = new Set(rows.map(({ id }) => id));
    const earlier = await this.current(keys.filter(({ id }) => !made.has(id)).map(({ subject }) => subject));
    return keys.map((key) => {
      const inForce = made.has(key.id) ? key : earlier.get(subjectKey(key.subject));
      if (inForce === undefined) throw new Error('a data key was destroyed while it was looked for; ask again');
      return inForce;
    });
  }

  private async current(subjects: readonly Subject[]): Promise<ReadonlyMap<string, WrappedKey>> {
    if (subjects.length === 0) return new Map();
    const rows = await this.database.query<KeyRow>(
      `select ${columns} from keys.data_key k
       join unnest($1::text[], $2::text[], $3::text[]) as s(tenant_id, subject_kind, subject_id)
         using (tenant_id, subject_kind, subject_id)`,
      subjectArrays(subjects),
    );
    return new Map(rows.map(toKey).map((key) => [subjectKey(key.subject), key]));
  }

  async byId(tenantId: string, ids: readonly string[]): Promise<readonly WrappedKey[]> {
    const rows = await this.database.query<KeyRow>(
      `select ${columns} from keys.data_key k where k.tenant_id = $1 and k.id = any($2::uuid[])`,
      [tenantId, ids],
    );
    return rows.map(toKey);
  }

  async list(tenantId: string, subject?: Subject): Promise<readonly Omit<WrappedKey, 'wrapped'>[]> {
    const rows = await this.database.query<KeyRow>(
      `select ${columns} from keys.data_key k where k.tenant_id = $1
         and ($2::text is null or (k.subject_kind = $2 and k.subject_id = $3))`,
      [tenantId, subject?.kind ?? null, subject?.id ?? null],
    );
    return rows.map(toKey);
  }

  async record(destructions: readonly Destruction[]): Promise<void> {
    for (const { subject, keyIds, at } of destructions) {
      await this.database.execute(
        `insert into keys.destruction (tenant_id, subject_kind, subject_id, key_ids, destroyed_at)
         values ($1, $2, $3, $4::uuid[], $5) on conflict do nothing`,
        [subject.tenantId, subject.kind, subject.id, keyIds, at],
      );
    }
  }

  async erase(destructions: readonly Destruction[]): Promise<readonly string[]> {
    const rows = await this.database.query<{ id: string }>(
      `delete from keys.data_key k using
         jsonb_to_recordset($1::jsonb) as d(tenant_id text, subject_kind text, subject_id text, key_ids jsonb, at timestamptz)
       where k.tenant_id = d.tenant_id and (d.key_ids ? k.id::text or (d.key_ids = '[]'::jsonb
         and k.subject_kind = d.subject_kind and k.subject_id = d.subject_id and k.created_at <= d.at))
       returning k.id`,
      [
        JSON.stringify(
          destructions.map(({ subject, keyIds, at }) => ({
            tenant_id: subject.tenantId,
            subject_kind: subject.kind,
            subject_id: subject.id,
            key_ids: keyIds,
            at,
          })),
        ),
      ],
    );
    // Without this the deleted rows' bytes would stay in the table's pages until an autovacuum.
    if (rows.length > 0) await this.database.execute('vacuum keys.data_key');
    return rows.map((row) => row.id);
  }

  async recorded(): Promise<readonly Destruction[]> {
    const rows = await this.database.query<KeyRow & { key_ids: string[]; destroyed_at: Date }>(
      `select tenant_id, subject_kind, subject_id, key_ids::text[] as key_ids, destroyed_at from keys.destruction order by seq`,
    );
    return rows.map((row) => ({ subject: toSubject(row), keyIds: row.key_ids, at: row.destroyed_at.toISOString() }));
  }

  async announce(keyIds: readonly string[]): Promise<void> {
    for (let from = 0; from < keyIds.length; from += idsInOneMessage) {
      await this.database.notify(channel, keyIds.slice(from, from + idsInOneMessage).join(','));
    }
  }

  async onErased(listener: (keyIds: readonly string[] | undefined) => void): Promise<void> {
    this.unlisten = await this.database.listen(channel, (payload) =>
      listener(payload === '' ? undefined : payload.split(',')),
    );
  }

  async close(): Promise<void> {
    await this.unlisten?.();
  }
}

function subjectArrays(subjects: readonly Subject[]): [string[], string[], string[]] {
  return [
    subjects.map((subject) => subject.tenantId),
    subjects.map((subject) => subject.kind),
    subjects.map((subject) => subject.id),
  ];
}

type SubjectRow = Pick<KeyRow, 'tenant_id' | 'subject_kind' | 'subject_id'>;

function toSubject(row: SubjectRow): Subject {
  return { tenantId: row.tenant_id, kind: row.subject_kind, id: row.subject_id };
}

function toKey(row: KeyRow): WrappedKey {
  return { id: row.id, subject: toSubject(row), wrapped: row.wrapped, createdAt: row.created_at.toISOString() };
}
