import type { Recorded } from '#domain/kernel/events.js';
import { handledTypes, type AnyProjection, type AnyRow } from '#domain/kernel/projection.js';
import type { Json } from '#domain/kernel/schema.js';
import { foldInto, FoldError, keyed, type Rows } from '#infra/projections/batch.js';
import { columnsOf, rowKey, type Column } from '#infra/projections/row.js';

/** A row that changed; `after` is undefined where it was deleted, `before` where it is new. */
export interface HotChange<R> {
  readonly before: R | undefined;
  readonly after: R | undefined;
}

/** The rows of one projection in memory with their secondary indexes, kept by the projection's own fold. */
export class HotRows {
  private rows: Rows = new Map();
  private readonly indexes = new Map<string, Map<Json, Map<string, AnyRow>>>();
  private readonly columns: readonly Column[];
  private readonly types: ReadonlySet<string> | undefined;
  private readonly frozen = new Set<string>();
  /** Everything up to here is folded in. */
  position = '';

  constructor(
    readonly projection: AnyProjection,
    private readonly indexBy: readonly string[],
    private readonly onChange: (change: HotChange<AnyRow>) => void,
  ) {
    this.columns = columnsOf(projection);
    const types = handledTypes(projection);
    this.types = types === undefined ? undefined : new Set(types);
    for (const column of indexBy) {
      if (!this.columns.some(({ name }) => name === column))
        throw new TypeError(`${projection.table} has no ${column}`);
      this.indexes.set(column, new Map());
    }
  }

  get size(): number {
    return this.rows.size;
  }

  get(tenantId: string, id: string): AnyRow | undefined {
    return this.rows.get(rowKey(tenantId, id));
  }

  findBy(column: string, value: Json): readonly AnyRow[] {
    const index = this.indexes.get(column);
    if (index === undefined) throw new TypeError(`${this.projection.table} is not indexed by ${column}`);
    return [...(index.get(value)?.values() ?? [])];
  }

  /** True when an event of this row could not be folded: only the table knows it. */
  isFrozen(tenantId: string, id: string): boolean {
    return this.frozen.has(rowKey(tenantId, id));
  }

  get hasFrozen(): boolean {
    return this.frozen.size > 0;
  }

  /** Takes a snapshot of the table; tells of every row that differs from what was here. */
  replace(rows: readonly AnyRow[], position: string): void {
    const next = new Map(rows.map((row) => [rowKey(row.tenant_id, row.id), row] as const));
    for (const key of [...this.rows.keys()]) if (!next.has(key)) this.put(key, undefined);
    for (const [key, row] of next) this.put(key, row);
    this.frozen.clear();
    this.position = position;
  }

  /** Folds the events after the position, and gives what could not be folded; such a row stays as it was. */
  apply(events: readonly Recorded[], to: string): readonly FoldError[] {
    const errors: FoldError[] = [];
    for (const event of events) {
      if (event.position <= this.position || this.types?.has(event.type) === false) continue;
      try {
        this.applyOne(event);
      } catch (error) {
        if (!(error instanceof FoldError)) throw error;
        errors.push(error);
        if (error.key !== undefined) this.frozen.add(error.key);
      }
    }
    if (to > this.position) this.position = to;
    return errors;
  }

  private applyOne(event: Recorded): void {
    for (const entry of keyed(this.projection, [event])) {
      if (this.frozen.has(entry.key)) continue;
      const touched: Rows = new Map([[entry.key, this.rows.get(entry.key)]]);
      foldInto(this.projection, this.columns, touched, [entry]);
      this.put(entry.key, touched.get(entry.key));
    }
  }

  private put(key: string, after: AnyRow | undefined): void {
    const before = this.rows.get(key);
    if (before === after) return;
    if (after === undefined) this.rows.delete(key);
    else this.rows.set(key, after);
    for (const column of this.indexBy) {
      const index = this.indexes.get(column);
      if (index === undefined) continue;
      if (before !== undefined) unindex(index, before[column] ?? null, key);
      if (after === undefined) continue;
      const value = after[column] ?? null;
      index.set(value, (index.get(value) ?? new Map<string, AnyRow>()).set(key, after));
    }
    this.onChange({ before, after });
  }
}

function unindex(index: Map<Json, Map<string, AnyRow>>, value: Json, key: string): void {
  const rows = index.get(value);
  rows?.delete(key);
  if (rows?.size === 0) index.delete(value);
}
