import type { AnyProjection, AnyRow } from '#domain/kernel/projection.js';
import type { Database } from '#infra/database/database.js';
import type { EventLog, StoredEvent } from '#infra/event-log/event-log.js';
import { foldInto, keyed, type Rows } from './batch.js';
import { ProjectionReader } from './log-reader.js';
import { columnsOf } from './row.js';
import type { CapabilityRegistry } from './registry.js';

/** A position, or an instant (ISO 8601 UTC) up to which events had been recorded; both inclusive. */
export type AsOf = { readonly position: string } | { readonly instant: string };

export interface AsOfScope {
  readonly tenantId: string;
  /** One row only; all rows of the tenant otherwise. */
  readonly id?: string;
}

export interface PastRows {
  /** The position of the last event that counts, '' when there is none. */
  readonly position: string;
  readonly rows: readonly AnyRow[];
}

/** The rows of a tenant as they were: a pure fold of the log up to there, without a table. */
export class TimeTravel {
  constructor(
    private readonly parts: {
      readonly log: EventLog;
      readonly registry: CapabilityRegistry;
      readonly database?: Database;
    },
  ) {}

  async asOf(projection: AnyProjection, at: AsOf, scope: AsOfScope, signal?: AbortSignal): Promise<PastRows> {
    const { log, registry } = this.parts;
    const head = (await log.head()) ?? '';
    const to = 'position' in at && at.position < head ? at.position : head;
    const columns = columnsOf(projection);
    const rows: Rows = new Map();
    let position = '';
    for await (const { stored, events } of new ProjectionReader(log, registry, projection).read({
      after: '',
      to,
      skipUnknown: true,
      signal,
    })) {
      const end = 'instant' in at ? stored.find((event) => event.recordedAt > at.instant)?.position : undefined;
      const counted = events.filter((event) => end === undefined || event.position < end);
      const mine = counted.filter((event) => event.tenantId === scope.tenantId);
      const concerned = keyed(projection, mine).filter((entry) => scope.id === undefined || entry.id === scope.id);
      const fresh = projection.form === 'append' ? concerned.filter(({ key }) => !rows.has(key)) : concerned;
      foldInto(projection, columns, rows, fresh);
      position = lastBefore(stored, end) ?? position;
      if (end !== undefined) break;
    }
    return { position, rows: [...rows.values()].filter((row) => row !== undefined) };
  }
}

function lastBefore(events: readonly StoredEvent[], end: string | undefined): string | undefined {
  return events.findLast((event) => end === undefined || event.position < end)?.position;
}
