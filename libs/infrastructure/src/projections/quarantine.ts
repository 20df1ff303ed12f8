import type { Database } from '#infra/database/database.js';
import type { FoldError, Keyed } from './batch.js';
import type { Fed } from './fed.js';
import { rowKey } from './row.js';

/** Most keys that one projection may have in quarantine before it stops. */
export const MAX_QUARANTINED_KEYS = 100;

export interface QuarantinedKey {
  readonly table: string;
  readonly version: number;
  readonly generation: number;
  readonly tenantId: string;
  readonly key: string;
  readonly firstPosition: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly error: string;
  readonly parked: number;
  readonly since: Date;
  /** The checkpoint before the failed event; replay starts after it. */
  readonly afterPosition: string;
}

const selected = `table_name as "table", version, generation, tenant_id as "tenantId", key, first_position as "firstPosition",
  event_id as "eventId", event_type as "eventType", error, parked::int as parked, quarantined_at as since,
  after_position as "afterPosition"`;

/** Keys whose events wait because one of them could not be folded. */
export class QuarantineStore {
  constructor(private readonly database: Database) {}

  list(table?: string): Promise<QuarantinedKey[]> {
    return this.database.query<QuarantinedKey>(
      `select ${selected} from projections.quarantine where $1::text is null or table_name = $1
        order by table_name, version, generation, first_position`,
      [table ?? null],
    );
  }

  /** The keys of one generation, as `rowKey` names them. */
  async keys(fed: Pick<Fed, 'key'>): Promise<ReadonlySet<string>> {
    const rows = await this.database.query<{ tenant_id: string; key: string }>(
      `select tenant_id, key from projections.quarantine where table_name = $1 and version = $2 and generation = $3`,
      fed.key,
    );
    return new Set(rows.map((row) => rowKey(row.tenant_id, row.key)));
  }

  /** Counts events that wait behind a quarantined one. */
  async park(fed: Fed, events: readonly Keyed[]): Promise<void> {
    await this.database.query(
      `update projections.quarantine q set parked = parked + w.n
         from (select tenant_id, key, count(*) as n from unnest($4::text[], $5::text[]) as k(tenant_id, key) group by 1, 2) w
        where table_name = $1 and version = $2 and generation = $3 and q.tenant_id = w.tenant_id and q.key = w.key`,
      [...fed.key, events.map((entry) => entry.event.tenantId), events.map((entry) => entry.id)],
    );
  }

  /** Lists a key; runs inside the transaction that moves the checkpoint past its event. */
  async add(fed: Fed, { event, id }: Pick<Keyed, 'event' | 'id'>, error: FoldError | Error): Promise<void> {
    await this.database.query(
      `insert into projections.quarantine
         (table_name, version, generation, tenant_id, key, after_position, first_position, event_id, event_type, error)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        ...fed.key,
        event.tenantId,
        id,
        fed.position,
        event.position,
        event.id,
        event.type,
        error.message.slice(0, 2_000),
      ],
    );
    await this.touch(fed);
  }

  /** Tells the feeding process, through the checkpoint row, that the list changed. */
  async touch(fed: Pick<Fed, 'key'>): Promise<void> {
    await this.database.query(
      `update projections.generations set quarantine_revision = quarantine_revision + 1
        where table_name = $1 and version = $2 and generation = $3`,
      fed.key,
    );
  }

  async remove({ table, version, generation, tenantId, key }: QuarantinedKey): Promise<void> {
    await this.database.query(
      `delete from projections.quarantine
        where table_name = $1 and version = $2 and generation = $3 and tenant_id = $4 and key = $5`,
      [table, version, generation, tenantId, key],
    );
    await this.touch({ key: [table, version, generation] });
  }

  async setError({ table, version, generation, tenantId, key }: QuarantinedKey, error: string): Promise<void> {
    await this.database.query(
      `update projections.quarantine set error = $6
        where table_name = $1 and version = $2 and generation = $3 and tenant_id = $4 and key = $5`,
      [table, version, generation, tenantId, key, error.slice(0, 2_000)],
    );
  }
}
