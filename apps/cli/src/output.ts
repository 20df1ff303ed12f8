import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];
type Cell = string | number | boolean | null | undefined;

/** Standard output of one command: JSON lines for machines, or aligned tables for people. */
export class Output {
  constructor(readonly json: boolean) {}

  /** One JSON line, for machines only. */
  item(value: unknown): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A line for people only. */
  line(text = ''): void {
    if (!this.json) process.stdout.write(`${text}\n`);
  }

  /** Text as it is, for people only. */
  text(text: string): void {
    if (!this.json) process.stdout.write(text);
  }

  /** Rows as JSON lines, or as a table with aligned columns. */
  rows<R extends object>(rows: readonly R[], columns: readonly Column<R>[], empty: string): void {
    if (this.json) {
      for (const row of rows) this.item(row);
      return;
    }
    if (rows.length === 0) this.line(empty);
    else this.text(tableOf(rows, columns));
  }

  /** Names and values below each other. */
  fields(fields: Readonly<Record<string, Cell>>): void {
    const width = Math.max(...Object.keys(fields).map((name) => name.length));
    for (const [name, value] of Object.entries(fields))
      this.line(`${paint('dim', name.padEnd(width))}  ${shown(value)}`);
  }
}

export interface Column<R> {
  readonly head: string;
  readonly of: (row: R) => Cell;
  readonly right?: boolean;
}

const shown = (value: Cell): string => (value === null || value === undefined || value === '' ? '-' : String(value));

function tableOf<R>(rows: readonly R[], columns: readonly Column<R>[]): string {
  const cells = rows.map((row) => columns.map((column) => shown(column.of(row))));
  const widths = columns.map(({ head }, at) => Math.max(head.length, ...cells.map((row) => row[at]?.length ?? 0)));
  const lineOf = (texts: readonly string[]): string =>
    texts
      .map((text, at) => (columns[at]?.right === true ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  const head = paint('bold', lineOf(columns.map((column) => column.head.toUpperCase())));
  return `${[head, ...cells.map(lineOf)].join('\n')}\n`;
}

/** Colours text on a terminal that has colours and does not refuse them (NO_COLOR). */
export function paint(style: Style, text: string): string {
  return process.stdout.isTTY && process.stdout.hasColors() ? styleText(style, text, { validateStream: false }) : text;
}

/** A sentence for people on standard error. */
export function note(text: string): void {
  process.stderr.write(`nexusrag: ${text}\n`);
}

const BAR = 30;
const LINE_EVERY_MS = 3_000;

/** Shows how far long work is, on standard error: a bar on a terminal, else a line every few seconds. */
export class Progress {
  private at = Date.now();
  private drawn = false;

  constructor(private readonly what: string) {}

  show(done: number, total: number, detail = ''): void {
    const bar = process.stderr.isTTY;
    if (Date.now() - this.at < (bar ? 80 : LINE_EVERY_MS)) return;
    this.at = Date.now();
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    const counts = `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`;
    const more = detail === '' ? '' : `  ${detail}`;
    if (!bar) {
      note(`${this.what}: ${percent.trim()} (${counts})${more}`);
      return;
    }
    const full = Math.round(share * BAR);
    this.drawn = true;
    process.stderr.write(
      `\r\x1b[2K${this.what} ${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${percent}  ${counts}${more}`,
    );
  }

  /** Removes the bar. */
  end(): void {
    if (this.drawn) process.stderr.write('\r\x1b[2K');
    this.drawn = false;
  }
}

/** The only item of an operation that gives one. */
export async function oneOf<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new Error('the server gave no answer');
}

/** Every item of an operation. */
export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
