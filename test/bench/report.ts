import { cpus, loadavg, totalmem } from 'node:os';

/** One line of a table: column names and values, in order. */
export type BenchRow = Readonly<Record<string, string | number>>;

export interface BenchGoal {
  readonly what: string;
  readonly goal: number;
  readonly measured: number;
  /** Whether more is better. */
  readonly atLeast: boolean;
}

export interface BenchTable {
  readonly title: string;
  readonly rows: readonly BenchRow[];
  readonly goals?: readonly BenchGoal[];
  readonly notes?: readonly string[];
}

/** What a section is given. */
export interface BenchContext {
  /** Makes a database of its own for a part of the bench; dropped at the end. */
  readonly database: (options: { readonly migrated: boolean }) => Promise<string>;
  /** Seconds of each timed measurement. */
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export type BenchSection = (context: BenchContext) => Promise<readonly BenchTable[]>;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly postgres: string;
  readonly settings: string;
  readonly load: string;
}

export function loadNow(): string {
  return loadavg()[0]?.toFixed(1) ?? '?';
}

export function machineOf(postgres: { readonly version: string; readonly settings: string }): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    postgres: postgres.version,
    settings: postgres.settings,
    load: loadavg()
      .map((value) => value.toFixed(1))
      .join(' '),
  };
}

export function isMet({ goal, measured, atLeast }: BenchGoal): boolean {
  return atLeast ? measured >= goal : measured <= goal;
}

const shown = (value: string | number | undefined): string =>
  typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 2 }) : (value ?? '');

/** The table as Markdown with aligned columns, so that it can be read in a terminal and pasted into a page. */
export function rendered(table: BenchTable): string {
  const columns = [...new Set(table.rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...table.rows.map((row) => columns.map((column) => shown(row[column])))];
  const widths = columns.map((_, at) => Math.max(3, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string => {
    const padded = row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)));
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const [head, ...body] = cells;
  const goals = (table.goals ?? []).map(goalLine);
  const notes = (table.notes ?? []).map((note) => `  ${note}`);
  return [`\n## ${table.title}`, line(head ?? []), line(rule), ...body.map(line), ...goals, ...notes].join('\n');
}

function goalLine(goal: BenchGoal): string {
  const { what, goal: wanted, measured, atLeast } = goal;
  const by = Math.round(Math.abs(measured / wanted - 1) * 100);
  const verdict = isMet(goal) ? 'met' : `missed by ${by} %`;
  return `  goal ${what}: ${atLeast ? '≥' : '≤'} ${shown(wanted)}, measured ${shown(measured)}: ${verdict}`;
}

/** The value below which the part `q` (0 to 1) of the values lie, to two decimals. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0);
}

export function round(value: number, decimals = 2): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}
