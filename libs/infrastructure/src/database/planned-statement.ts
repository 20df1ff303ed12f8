import pg from 'pg';

/** A row by the names of its columns. */
export type Row = Record<string, unknown>;
export type RowText = readonly (string | null)[];

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** The part of a connection that @types/pg has otherwise or not at all. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  bind(message: { statement: string; values: readonly unknown[]; valueMapper: (value: unknown) => unknown }): void;
  execute(message: object): void;
  sync(): void;
}

const { prepareValue } = (pg as unknown as { utils: { prepareValue: (this: void, value: unknown) => unknown } }).utils;

/** A statement that one connection has prepared: to run it again, its values go out, and nothing but rows comes back. */
export class PlannedStatement {
  private readonly columns: readonly Column[];
  private readonly empty: Readonly<Row>;

  /** `fields` are of its first run on `client`: Postgres keeps to them, or refuses the statement. */
  constructor(
    client: pg.PoolClient,
    readonly name: string,
    fields: readonly pg.FieldDef[],
  ) {
    const parserOf = client.getTypeParser.bind(client) as (type: number, format: 'text') => Column['parse'];
    this.columns = fields.map((field) => ({
      name: field.name,
      parse: parserOf(field.dataTypeID, 'text'),
    }));
    this.empty = Object.fromEntries(fields.map((field) => [field.name, null]));
  }

  /** Throws for what a column's type cannot read. */
  rowsOf(texts: readonly RowText[]): Row[] {
    return texts.map((text) => this.rowOf(text));
  }

  private rowOf(texts: RowText): Row {
    const { columns } = this;
    const row = { ...this.empty };
    for (let at = 0; at < columns.length; at += 1) {
      const column = columns[at];
      const text = texts[at];
      if (column !== undefined && typeof text === 'string') row[column.name] = column.parse(text);
    }
    return row;
  }
}

/** One run of a statement, its values as they are sent. */
export interface PlannedCall {
  readonly statement: PlannedStatement;
  readonly sent: readonly unknown[];
}

/** Throws for a value that cannot be sent. */
export function callOf(statement: PlannedStatement, values: readonly unknown[]): PlannedCall {
  return { statement, sent: values.map(sentForm) };
}

function sentForm(value: unknown): unknown {
  return (Array.isArray(value) ? arrayText(value) : undefined) ?? prepareValue(value);
}

/**
 * A flat array of texts, numbers and truth values as Postgres reads it (its manual, 8.15.6); undefined for any other. The driver's own
 * looks at each text for something to escape twice, and makes two copies.
 */
function arrayText(values: readonly unknown[]): string | undefined {
  let text = '';
  for (const value of values) {
    if (typeof value === 'string')
      text += `,"${special.test(value) ? value.replaceAll(specials, String.raw`\$&`) : value}"`;
    else if (value === null || value === undefined) text += ',NULL';
    else if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') text += `,${value}`;
    else return undefined;
  }
  return `{${text.slice(1)}}`;
}

const special = /["\\]/;
const specials = /["\\]/g;

export interface EndedCall {
  readonly texts: readonly RowText[];
  /** Milliseconds since the call before it had ended. */
  readonly took: number;
}

/** The calls that ended, in order; `error` of the call after them, with which the rest was not tried. */
export interface GroupOutcome {
  readonly ended: readonly EndedCall[];
  readonly error: Error | undefined;
}

/** Runs calls in one message, which is one transaction, over the connection that has prepared their statements. */
export function runTogether(client: pg.PoolClient, calls: readonly PlannedCall[]): Promise<GroupOutcome> {
  return new Promise((resolve) => {
    client.query(new PlannedGroup(calls, resolve));
  });
}

/** The driver hands what comes to the methods of these names, as it does for its own queries. */
class PlannedGroup {
  private readonly ended: EndedCall[] = [];
  private texts: RowText[] = [];
  private since = 0;

  constructor(
    private readonly calls: readonly PlannedCall[],
    private readonly done: (outcome: GroupOutcome) => void,
  ) {}

  submit(connection: unknown): null {
    const wire = connection as Wire;
    wire.stream.cork();
    for (const { statement, sent } of this.calls) {
      wire.bind({ statement: statement.name, values: sent, valueMapper: asIs });
      wire.execute({});
    }
    wire.sync();
    wire.stream.uncork();
    this.since = performance.now();
    return null;
  }

  handleDataRow({ fields }: { readonly fields: RowText }): void {
    this.texts.push(fields);
  }

  handleCommandComplete(): void {
    const now = performance.now();
    this.ended.push({ texts: this.texts, took: now - this.since });
    this.texts = [];
    this.since = now;
  }

  handleReadyForQuery(): void {
    this.done({ ended: this.ended, error: undefined });
  }

  handleError(error: Error): void {
    this.done({ ended: this.ended, error });
  }
}

const asIs = (value: unknown): unknown => value;
