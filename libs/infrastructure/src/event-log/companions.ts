import { patiently } from '#infra/commands/patiently.js';
import type { Database } from '#infra/database/database.js';
import type { Row } from '#infra/database/planned-statement.js';
import type { Statement } from '#infra/database/prepared.js';
import { AppendRefused, type AppendResult } from './event-log.js';
import type { PreparedAppend } from './prepared-append.js';

/** How rows of one kind are written, any number in one statement. Both statements give a column `at`: places of rows, from 0. */
export interface CompanionKind<T = unknown> {
  /** Where the log is not in the database: stored before the event that they belong to, or once that is in the log. */
  readonly order: 'before' | 'after';
  /**
   * Writes rows and gives those that it wrote. `appends` are the numbers of the appends that they belong to: it leaves out those for which
   * `isAppended` does not hold.
   */
  statement(rows: readonly T[], appends?: readonly number[]): Statement;
  /** Gives those of the very same rows that an earlier call has written. */
  lookup(rows: readonly T[]): Statement;
}

/** Rows of the database that belong to an append: stored in its transaction, if and only if it is. */
export interface Companion<T = unknown> {
  readonly kind: CompanionKind<T>;
  readonly row: T;
  /** What it sends, about. */
  readonly bytes: number;
}

const LEFT_OUT = 'nexusrag.appends_left_out';
const leftOut = `coalesce(current_setting('${LEFT_OUT}', true), '')`;

/** SQL: notes, for the rest of the transaction, that the append of a number wrote nothing. */
export function noteLeftOut(append: string): string {
  return `set_config('${LEFT_OUT}', ${leftOut} || ',' || ${append} || ',', true)`;
}

/** SQL: whether the append of a number was written in this transaction; true for null. */
export function isAppended(append: string): string {
  return `(${append} is null or strpos(${leftOut}, ',' || ${append} || ',') = 0)`;
}

/** Where a companion stands: of which append of its batch, as which of its own. */
interface Place {
  readonly append: number;
  readonly own: number;
}

interface Group {
  readonly kind: CompanionKind;
  readonly rows: unknown[];
  readonly places: Place[];
}

type Stored = readonly (readonly boolean[])[];

/** The companions of a batch of appends, by their kinds. */
export class CompanionGroups {
  private readonly groups: readonly Group[];

  constructor(
    private readonly batch: readonly PreparedAppend[],
    of: (append: number) => boolean = () => true,
  ) {
    const groups = new Map<CompanionKind, Group>();
    for (const [append, { companions }] of batch.entries()) {
      if (!of(append)) continue;
      for (const [own, { kind, row }] of companions.entries()) {
        const group = groups.get(kind) ?? { kind, rows: [], places: [] };
        groups.set(kind, group);
        group.rows.push(row);
        group.places.push({ append, own });
      }
    }
    this.groups = [...groups.values()];
  }

  get isEmpty(): boolean {
    return this.groups.length === 0;
  }

  /** Those that follow the appends in their transaction; appends are numbered from 1. */
  statements(): readonly Statement[] {
    return this.groups.map(({ kind, rows, places }) =>
      kind.statement(
        rows,
        places.map(({ append }) => append + 1),
      ),
    );
  }

  lookups(): readonly Statement[] {
    return this.groups.map(({ kind, rows }) => kind.lookup(rows));
  }

  /** For each append, for each of its companions, whether it is stored; `rows` are those of the statements, in order. */
  storedIn(rows: readonly (readonly Row[])[]): Stored {
    const stored = this.batch.map(({ companions }) => companions.map(() => false));
    for (const [group, { places }] of this.groups.entries()) {
      for (const { at } of rows[group] ?? []) {
        const place = places[Number(at)];
        const own = place && stored[place.append];
        if (own !== undefined) own[place?.own ?? 0] = true;
      }
    }
    return stored;
  }
}

/** Of appends that the log held already, which companions came with them: `repeated` says which appends those are. */
export async function storedEarlier(
  database: Database,
  batch: readonly PreparedAppend[],
  repeated: (append: number) => boolean,
): Promise<Stored> {
  const groups = new CompanionGroups(batch, repeated);
  return groups.isEmpty ? groups.storedIn([]) : groups.storedIn(await database.atomically(groups.lookups()));
}

/** Stores rows of one kind by themselves; for each whether it is stored, now or by an earlier try. */
export async function storeRows<T>(
  database: Database,
  kind: CompanionKind<T>,
  rows: readonly T[],
): Promise<readonly boolean[]> {
  const placesOf = async ({ text, values }: Statement): Promise<ReadonlySet<unknown>> =>
    new Set((await database.queryPrepared<Row>(text, values)).map(({ at }) => at));
  const written = await placesOf(kind.statement(rows));
  if (written.size === rows.length) return rows.map(() => true);
  const earlier = await placesOf(kind.lookup(rows));
  return rows.map((_, at) => written.has(at) || earlier.has(at));
}

/**
 * An append to a log that is not in the database, with its companions before and after it: `AppendRefused` where one that comes before
 * it cannot be stored. Should the process die in between, what comes before belongs to nothing, and what comes after is missing.
 */
export async function appendBeside(
  database: Database | undefined,
  companions: readonly Companion[],
  append: () => Promise<AppendResult>,
): Promise<AppendResult> {
  if (companions.length === 0) return append();
  if (database === undefined) throw new RangeError('this log has no database for what belongs to an append');
  const store = async ({ kind, row }: Companion): Promise<boolean> => {
    const [stored = false] = await database.detached(() => storeRows(database, kind, [row]));
    return stored;
  };
  for (const one of companions)
    if (one.kind.order === 'before' && !(await store(one))) throw new AppendRefused('what belongs to it is taken');
  const result = await append();
  const stored: boolean[] = [];
  for (const one of companions) stored.push(one.kind.order === 'before' || (await patiently(() => store(one))));
  return { ...result, companions: stored };
}
