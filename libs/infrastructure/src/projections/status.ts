import type { Database } from '#infra/database/database.js';
import type { EventLog } from '#infra/event-log/event-log.js';
import type { GenerationState, GenerationStore } from './generations.js';
import type { CapabilityRegistry } from './registry.js';
import { difference } from './waiter.js';

/** A checkpoint that has not moved for this long while events wait is stalled. */
const STALLED_AFTER_MS = 30_000;

export interface ProjectionStatus {
  readonly table: string;
  readonly version: number;
  readonly generation: number;
  readonly state: GenerationState | 'failed';
  /** '' before the first event. */
  readonly position: string;
  /** The log's last position, '' when it is empty. */
  readonly head: string;
  /** Exact on gapless logs, null on others. */
  readonly eventsBehind: number | null;
  /** Age of the first event that is not folded yet, in seconds; 0 at the head. */
  readonly secondsBehind: number;
  readonly stalled: boolean;
  readonly owner: string | null;
  readonly quarantinedKeys: number;
  readonly error: string | null;
}

interface StatusRow {
  readonly table: string;
  readonly version: number;
  readonly generation: number;
  readonly state: GenerationState;
  readonly position: string;
  readonly owner: string | null;
  readonly error: string | null;
  readonly still_ms: number;
  readonly quarantined: number;
}

/** The state of every generation that is not retired and folds one of the logs, by table, version and generation. */
export async function projectionStatus(parts: {
  readonly database: Database;
  readonly logs: readonly EventLog[];
  readonly registry: CapabilityRegistry;
  readonly generations: GenerationStore;
}): Promise<ProjectionStatus[]> {
  const rows = await parts.database.query<StatusRow>(
    `select g.table_name as "table", g.version, g.generation, g.state, g.position, g.error,
            case when g.expires_at > clock_timestamp() then g.owner end as owner,
            (extract(epoch from clock_timestamp() - g.moved_at) * 1000)::float8 as still_ms,
            (select count(*)::int from projections.quarantine q
              where q.table_name = g.table_name and q.version = g.version and q.generation = g.generation) as quarantined
       from projections.generations g where g.state <> 'retired' order by 1, 2, 3`,
  );
  const states = new Map<string, ProjectionStatus>();
  for (const log of parts.logs) {
    const own = rows.filter((row) => parts.registry.logOf(row.table) === log.log);
    for (const state of await statesOn(log, own)) states.set(keyOf(state), state);
  }
  return rows.flatMap((row) => states.get(keyOf(row)) ?? []);
}

const keyOf = ({ table, version, generation }: Pick<StatusRow, 'table' | 'version' | 'generation'>): string =>
  `${table}:${version}:${generation}`;

async function statesOn(log: EventLog, rows: readonly StatusRow[]): Promise<ProjectionStatus[]> {
  const head = (await log.head()) ?? '';
  const ages = new Map<string, number>();
  const positions = new Set(rows.map((row) => row.position).filter((position) => position < head));
  for (const position of positions) ages.set(position, await ageAfter(log, position));
  return rows.map((row) => statusOf(row, head, ages.get(row.position) ?? 0, log.capabilities.gapless));
}

function statusOf(row: StatusRow, head: string, ageMs: number, gapless: boolean): ProjectionStatus {
  const behind = row.position < head;
  return {
    table: row.table,
    version: row.version,
    generation: row.generation,
    state: row.error === null ? row.state : 'failed',
    position: row.position,
    head,
    eventsBehind: behind ? (gapless ? difference(head, row.position) : null) : 0,
    secondsBehind: ageMs / 1_000,
    // A checkpoint at rest is no stall before the event that it should move for is as old.
    stalled: behind && row.still_ms > STALLED_AFTER_MS && ageMs > STALLED_AFTER_MS,
    owner: row.owner,
    quarantinedKeys: row.quarantined,
    error: row.error,
  };
}

async function ageAfter(log: EventLog, position: string): Promise<number> {
  const { events } = await log.readAll({ after: position === '' ? null : position, limit: 1 });
  const first = events[0];
  return first === undefined ? 0 : Math.max(0, Date.now() - Date.parse(first.recordedAt));
}
