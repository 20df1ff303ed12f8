import type { AnyRow } from '#domain/kernel/projection.js';
import { foldInto, keyed, changesOf, type Keyed, type Rows } from './batch.js';
import { loadRows } from './applier.js';
import type { GenerationRow } from './generations.js';
import { ProjectionReader } from './log-reader.js';
import type { QuarantinedKey } from './quarantine.js';
import { ReadTable } from './read-table.js';
import { rowKey } from './row.js';
import type { VerifyParts } from './verify.js';

export interface RetryResult {
  readonly released: boolean;
  /** Events that were folded, the first failed one among them. */
  readonly replayed: number;
  /** Why the key stays in quarantine. */
  readonly error: string | null;
}

/** Replays a quarantined key from the log and lets its events through again. */
export class QuarantineRetry {
  constructor(private readonly parts: VerifyParts) {}

  /**
   * Folds what is in the log without a transaction, then the rest under the lock of the checkpoint row, up to exactly
   * the checkpoint, and un-parks there; the owner sees the change when it next moves the checkpoint.
   */
  async retry(entry: QuarantinedKey): Promise<RetryResult> {
    const { database, registry, log, quarantine } = this.parts;
    const projection = registry.projection(entry.table, entry.version);
    const reader = new ProjectionReader(log, registry, projection);
    const table = new ReadTable(database, projection, entry.generation);
    const rowId = rowKey(entry.tenantId, entry.key);
    const events: Keyed[] = [];
    const collect = async (after: string, to: string): Promise<void> => {
      for await (const page of reader.read({ after, to, skipUnknown: true })) {
        const mine = page.events.filter((event) => event.tenantId === entry.tenantId);
        events.push(...keyed(projection, mine).filter(({ key }) => key === rowId));
      }
    };
    const head = (await this.checkpoint(entry, false)).position;
    try {
      await collect(entry.afterPosition, head);
      await database.transaction(async () => {
        const { position } = await this.checkpoint(entry, true);
        await collect(head, position);
        const first = events[0];
        const before: Rows = first === undefined ? new Map<string, AnyRow>() : await loadRows({ table }, [first]);
        const after: Rows = new Map(before);
        foldInto(projection, table.columns, after, events);
        const { upserts, removals } = changesOf(before, after);
        await table.upsert(upserts);
        await table.remove(removals);
        await quarantine.remove(entry);
      });
      return { released: true, replayed: events.length, error: null };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await quarantine.setError(entry, message);
      return { released: false, replayed: 0, error: message };
    }
  }

  private async checkpoint({ table, version, generation }: QuarantinedKey, lock: boolean): Promise<GenerationRow> {
    const [row] = await this.parts.database.query<GenerationRow>(
      `select * from projections.generations where table_name = $1 and version = $2 and generation = $3 ${lock ? 'for update' : ''}`,
      [table, version, generation],
    );
    if (row === undefined) throw new Error(`${table} has no generation ${generation}`);
    return row;
  }
}
