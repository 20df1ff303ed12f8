import type { DomainEvent, Recorded } from './events.js';
import type { Json } from './schema.js';

/** Column types; a trailing `?` makes the column nullable. Instants are ISO strings, bigints decimal strings. */
export type BaseColumn =
  'text' | 'uuid' | 'boolean' | 'integer' | 'bigint' | 'double precision' | 'timestamptz' | 'jsonb' | 'text[]';
export type ColumnType = BaseColumn | `${BaseColumn}?`;
export type Columns = Readonly<Record<string, ColumnType>> & { readonly id: 'text'; readonly tenant_id: 'text' };

type BaseValue<C extends BaseColumn> = C extends 'boolean'
  ? boolean
  : C extends 'integer' | 'double precision'
    ? number
    : C extends 'jsonb'
      ? Json
      : C extends 'text[]'
        ? readonly string[]
        : string;
type ColumnValue<C> = C extends `${infer B extends BaseColumn}?`
  ? BaseValue<B> | null
  : C extends BaseColumn
    ? BaseValue<C>
    : never;

/** The row type of a table's columns. */
export type RowOf<C extends Columns> = { readonly [K in keyof C]: ColumnValue<C[K]> };
export type AnyRow = { readonly id: string; readonly tenant_id: string; readonly [column: string]: Json };

/**
 * `row`: old row and event in, new row (or null: none) out. `tally`: the same for counters that many streams share.
 * `append`: one row an event, never read back.
 */
export type ProjectionForm = 'row' | 'tally' | 'append';

export type RowFold<E extends DomainEvent, R> = (event: Recorded<E>, row: R | undefined) => R | null | undefined;
export type Handlers<E extends DomainEvent, R> = {
  readonly [T in E['type']]?: RowFold<Extract<E, { readonly type: T }>, R>;
};

/** A read model: its table, its version and its pure fold. A changed definition needs a raised version. */
export interface Projection<E extends DomainEvent = DomainEvent, C extends Columns = Columns> {
  readonly table: string;
  readonly version: number;
  readonly form: ProjectionForm;
  readonly columns: C;
  /** Column lists to index, beside the primary key (tenant_id, id). */
  readonly indexes: readonly (readonly (keyof C & string)[])[];
  /** Text columns in which parts of words are looked for; indexed by trigrams where the database has them. */
  readonly searched: readonly (keyof C & string)[];
  /** Where nobody looks right after a write: its rows may come some milliseconds later, more of them together. */
  readonly patient?: boolean;
  /** The id of the row that an event concerns; the row's tenant is the event's. */
  readonly key: (event: Recorded<E>) => string;
  readonly on: Handlers<E, RowOf<C>>;
  /** Also handles event types that have no entry in `on` (the audit log). */
  readonly onAny?: RowFold<E, RowOf<C>>;
}

// Registries hold projections of every type; bivariance is wanted there and only there.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyProjection = Projection<any, any>;

type Declared<E extends DomainEvent, C extends Columns> = Omit<
  Projection<E, C>,
  'form' | 'indexes' | 'searched' | 'on'
> &
  Partial<Pick<Projection<E, C>, 'form' | 'indexes' | 'searched' | 'on'>>;

/** Declares a projection: `defineProjection<Event>()({ table, version, columns, key, on })`. */
export function defineProjection<E extends DomainEvent>() {
  return <const C extends Columns>(declared: Declared<E, C>): Projection<E, C> => ({
    form: 'row',
    indexes: [],
    searched: [],
    on: {},
    ...declared,
  });
}

/** The new row of one event: the old one where the fold has nothing to say, null where it deletes. */
export function foldRow<E extends DomainEvent, C extends Columns>(
  projection: Projection<E, C>,
  event: Recorded<E>,
  row: RowOf<C> | undefined,
): RowOf<C> | undefined {
  const handler = (projection.on as Record<string, RowFold<E, RowOf<C>> | undefined>)[event.type] ?? projection.onAny;
  if (handler === undefined) return row;
  const next = handler(event, row);
  if (next === null) return undefined;
  return next ?? row;
}

/** The event types that a projection reads, or undefined for all. */
export function handledTypes(projection: AnyProjection): readonly string[] | undefined {
  return projection.onAny === undefined ? Object.keys(projection.on as object) : undefined;
}
