import { createHash } from 'node:crypto';
import type { AnyProjection, AnyRow } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import { breathe } from './backoff.js';
import { foldInto, keyed, type Keyed, type Rows } from './batch.js';
import type { GenerationStore } from './generations.js';
import { ProjectionReader } from './log-reader.js';
import type { QuarantineStore } from './quarantine.js';
import { ReadTable, type Differences, type RowDifference, type RowId } from './read-table.js';
import type { CapabilityRegistry } from './registry.js';
import { normaliseRow, rowDigest, rowKey } from './row.js';

export interface VerifyParts {
  readonly database: Database;
  readonly log: EventLog;
  readonly registry: CapabilityRegistry;
  readonly generations: GenerationStore;
  readonly quarantine: QuarantineStore;
}

export interface TableDigest {
  readonly table: string;
  readonly version: number;
  readonly generation: number;
  /** The checkpoint at which the rows were read. */
  readonly position: string;
  readonly rows: number;
  /** SHA-256 in hex over the rows' SHA-256 digests (raw bytes, each of the row's JSON with sorted keys) by (tenant, id). */
  readonly sha256: string;
}

export interface VerifyReport extends TableDigest {
  readonly clean: boolean;
  readonly events: number;
  readonly differences: Differences;
  readonly unknownTypes: Readonly<Record<string, number>>;
}

interface Snapshot extends TableDigest {
  readonly digests: Map<string, string>;
  /** Quarantined keys with the position of their first parked event. */
  readonly parked: ReadonlyMap<string, string>;
}

const PAGE_ROWS = 5_000;
const SHOWN = 100;

/** Folds the log again and compares with the live table. Memory is bounded by the table's rows, not by the log. */
export class ProjectionVerifier {
  constructor(private readonly parts: VerifyParts) {}

  async digest(projection: AnyProjection): Promise<TableDigest> {
    const { table, version, generation, position, rows, sha256 } = await this.snapshot(projection);
    return { table, version, generation, position, rows, sha256 };
  }

  /**
   * Compares the served table with the log at exactly the table's checkpoint, and names the rows that differ. Looks again when
   * retention cut the log meanwhile.
   */
  async verify(projection: AnyProjection, signal?: AbortSignal): Promise<VerifyReport> {
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.firstPosition();
      const report = await this.compare(projection, signal);
      if (report.clean || attempt === 3 || (await this.firstPosition()) === before) return report;
    }
  }

  private async firstPosition(): Promise<string | undefined> {
    return (await this.parts.log.readAll({ after: null, limit: 1 })).events[0]?.position;
  }

  private async compare(projection: AnyProjection, signal?: AbortSignal): Promise<VerifyReport> {
    const { digests, parked, ...taken } = await this.snapshot(projection);
    const { log, registry } = this.parts;
    const reader = new ProjectionReader(log, registry, projection);
    const columns = new ReadTable(this.parts.database, projection, taken.generation).columns;
    const found: RowDifference[] = [];
    const rows: Rows = new Map();
    const seen = new Set<string>();
    let events = 0;
    for await (const page of reader.read({ after: '', to: taken.position, skipUnknown: true, signal })) {
      const concerned = keyed(projection, page.events).filter((entry) => !isParked(parked, entry));
      events += concerned.length;
      foldInto(projection, columns, rows, projection.form === 'append' ? unseen(seen, concerned) : concerned);
      if (projection.form === 'append') settle(rows, digests, found);
    }
    settle(rows, digests, found);
    for (const key of digests.keys()) found.push({ ...named(key), kind: 'extra' });
    found.sort((a, b) => compareText(a.tenantId, b.tenantId) || compareText(a.id, b.id));
    return {
      ...taken,
      clean: found.length === 0,
      events,
      differences: { total: found.length, rows: found.slice(0, SHOWN) },
      unknownTypes: Object.fromEntries(reader.unknownTypes),
    };
  }

  /** Checkpoint, quarantine and row digests in one snapshot. */
  private snapshot(projection: AnyProjection): Promise<Snapshot> {
    const { table, version } = projection as { table: string; version: number };
    return this.parts.database.transaction(
      async () => {
        const active = (await this.parts.generations.of(table, version)).find((row) => row.state === 'active');
        if (active === undefined) throw new Error(`${table} version ${version} has no table yet`);
        const parked = (await this.parts.quarantine.list(table))
          .filter((entry) => entry.version === version && entry.generation === active.generation)
          .map((entry) => [rowKey(entry.tenantId, entry.key), entry.firstPosition] as const);
        const rows = new ReadTable(this.parts.database, projection, active.generation);
        const { digests, sha256 } = await digestRows(rows);
        const { generation, position } = active;
        return { table, version, generation, position, rows: digests.size, sha256, digests, parked: new Map(parked) };
      },
      { isolation: 'repeatable read' },
    );
  }
}

async function digestRows(table: ReadTable): Promise<{ digests: Map<string, string>; sha256: string }> {
  const digests = new Map<string, string>();
  const whole = createHash('sha256');
  let after: RowId | undefined;
  for (;;) {
    const page: AnyRow[] = await table.page(after, PAGE_ROWS);
    await breathe();
    for (const row of page) {
      const digest = rowDigest(normaliseRow(table.columns, row));
      digests.set(rowKey(row.tenant_id, row.id), digest);
      whole.update(digest, 'base64');
    }
    after = page.at(-1);
    if (after === undefined || page.length < PAGE_ROWS) return { digests, sha256: whole.digest('hex') };
  }
}

/** An `append` projection keeps the first row of a key; later events of it change nothing. */
function unseen(seen: Set<string>, events: readonly Keyed[]): readonly Keyed[] {
  return events.filter(({ key }) => {
    const first = !seen.has(key);
    seen.add(key);
    return first;
  });
}

function isParked(parked: ReadonlyMap<string, string>, { key, event }: Keyed): boolean {
  const from = parked.get(key);
  return from !== undefined && event.position >= from;
}

/** Compares the folded rows with the table's digests and forgets both. */
function settle(rows: Rows, digests: Map<string, string>, found: RowDifference[]): void {
  for (const [key, row] of rows) {
    if (row === undefined) continue;
    const live = digests.get(key);
    if (live === undefined) found.push({ ...named(key), kind: 'missing' });
    else if (live !== rowDigest(row)) found.push({ ...named(key), kind: 'differs' });
    digests.delete(key);
  }
  rows.clear();
}

function named(key: string): { tenantId: string; id: string } {
  const slash = key.indexOf('/');
  return { tenantId: key.slice(0, slash), id: key.slice(slash + 1) };
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
