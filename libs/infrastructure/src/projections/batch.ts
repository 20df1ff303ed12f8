import type { Recorded } from '#domain/kernel/events.js';
import { foldRow, type AnyProjection, type AnyRow } from '#domain/kernel/projection.js';
import type { RowId } from './read-table.js';
import { normaliseRow, rowKey, type Column } from './row.js';

/** An event with the row that it concerns. */
export interface Keyed {
  readonly event: Recorded;
  readonly id: string;
  readonly key: string;
}

/** A fold, or the key of an event, threw: the same event will throw again. */
export class FoldError extends Error {
  constructor(
    readonly event: Recorded,
    /** Undefined when the key itself could not be computed. */
    readonly key: string | undefined,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'FoldError';
  }
}

/** The rows that events concern. Throws `FoldError` when a key cannot be computed. */
export function keyed(projection: AnyProjection, events: readonly Recorded[]): Keyed[] {
  return events.map((event) => {
    try {
      const id: unknown = projection.key(event);
      if (typeof id !== 'string' || id === '') throw new TypeError('the key of an event must be a text');
      return { event, id, key: rowKey(event.tenantId, id) };
    } catch (error) {
      throw new FoldError(event, undefined, error);
    }
  });
}

/** Rows in memory by key: an absent key was not looked up, undefined means that there is no such row. */
export type Rows = Map<string, AnyRow | undefined>;

/** Folds events over rows in place; rows that no event changed keep their identity. */
export function foldInto(projection: AnyProjection, columns: readonly Column[], rows: Rows, events: readonly Keyed[]) {
  for (const { event, id, key } of events) {
    const before = rows.get(key);
    try {
      const after = foldRow(projection, event, before as never) as AnyRow | undefined;
      if (after !== before) rows.set(key, after === undefined ? undefined : checked(columns, after, event, id));
    } catch (error) {
      throw new FoldError(event, key, error);
    }
  }
}

function checked(columns: readonly Column[], row: AnyRow, event: Recorded, id: string): AnyRow {
  if (row.id !== id || row.tenant_id !== event.tenantId)
    throw new TypeError('a fold must keep the identity of its row');
  return normaliseRow(columns, row);
}

export interface Changes {
  readonly upserts: readonly AnyRow[];
  readonly removals: readonly RowId[];
}

/** What has to be written to bring a table from `before` to `after`. */
export function changesOf(before: ReadonlyMap<string, AnyRow | undefined>, after: Rows): Changes {
  const upserts: AnyRow[] = [];
  const removals: RowId[] = [];
  for (const [key, row] of after) {
    const old = before.get(key);
    if (row === old) continue;
    if (row !== undefined) upserts.push(row);
    else if (old !== undefined) removals.push({ tenant_id: old.tenant_id, id: old.id });
  }
  return { upserts, removals };
}
