import { Archive } from './archive.js';
import { relationsOf } from './office.js';
import type { Emit } from './part-writer.js';
import type { ParseLimits } from './parse-task.js';
import { unreadable } from './parsing-errors.js';
import { Records } from './records.js';
import type { Source } from './source.js';
import { readXml } from './xml.js';

const WORKBOOK = 'xl/workbook.xml';
const MOST_COLUMNS = 16_384;
const DAY_MS = 86_400_000;
/** Day 0 of a workbook's calendar, as spreadsheets count since 1900. */
const EPOCH_MS = Date.UTC(1899, 11, 30);

interface Shared {
  readonly strings: readonly string[];
  /** Which cell styles show a date. */
  readonly dates: ReadonlySet<number>;
}

/** Reads a workbook sheet by sheet, each row as a readable record under the names of its first row. */
export async function parseXlsx(source: Source, limits: ParseLimits, emit: Emit): Promise<void> {
  const archive = await Archive.open(source, limits);
  if (!archive.has(WORKBOOK)) throw unreadable('mistyped');
  const shared = { strings: await stringsOf(archive, limits), dates: await dateStyles(archive) };
  for (const { name, part } of await sheetsOf(archive)) await readSheet(archive, { name, part }, shared, emit);
  archive.close();
}

async function sheetsOf(archive: Archive): Promise<readonly { name: string; part: string }[]> {
  const targets = new Map((await relationsOf(archive, WORKBOOK)).map(({ id, target }) => [id, target]));
  const sheets: { name: string; part: string }[] = [];
  await readXml(archive.part(WORKBOOK), {
    open: (tag, attributes) => {
      if (tag !== 'sheet') return;
      const part = targets.get(attributes['r:id'] ?? '');
      if (part !== undefined && archive.has(part)) sheets.push({ name: attributes['name'] ?? '', part });
    },
  });
  return sheets;
}

async function stringsOf(archive: Archive, limits: ParseLimits): Promise<readonly string[]> {
  const part = 'xl/sharedStrings.xml';
  if (!archive.has(part)) return [];
  const strings: string[] = [];
  let text = '';
  let inText = false;
  let total = 0;
  await readXml(archive.part(part), {
    open: (name) => {
      if (name === 'si') text = '';
      if (name === 't') inText = true;
    },
    close: (name) => {
      if (name === 't') inText = false;
      if (name === 'si') strings.push(text);
    },
    text: (piece) => {
      if (!inText) return;
      total += piece.length;
      if (total > limits.maxCharacters) throw unreadable('textTooLong');
      text += piece;
    },
  });
  return strings;
}

const builtInDates = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, 45, 46, 47]);

/** Whether a number format has parts of dates outside of its quoted texts. */
function showsDate(format: string): boolean {
  return /[ymdh]/iu.test(format.replace(/"[^"]*"|\[[^\]]*\]|\\./gu, ''));
}

async function dateStyles(archive: Archive): Promise<ReadonlySet<number>> {
  const dates = new Set<number>();
  if (!archive.has('xl/styles.xml')) return dates;
  const custom = new Set<number>();
  let inCells = false;
  let style = 0;
  await readXml(archive.part('xl/styles.xml'), {
    open: (name, { numFmtId = '0', formatCode = '' }) => {
      const id = Number(numFmtId);
      if (name === 'numFmt' && showsDate(formatCode)) custom.add(id);
      if (name === 'cellXfs') inCells = true;
      if (name !== 'xf' || !inCells) return;
      if (builtInDates.has(id) || custom.has(id)) dates.add(style);
      style += 1;
    },
    close: (name) => {
      if (name === 'cellXfs') inCells = false;
    },
  });
  return dates;
}

async function readSheet(
  archive: Archive,
  sheet: { readonly name: string; readonly part: string },
  shared: Shared,
  emit: Emit,
): Promise<void> {
  const rows = new Rows(shared);
  const head = `# ${sheet.name}\n\n`;
  let headed = false;
  const flush = async (): Promise<void> => {
    const text = rows.take();
    if (text === '') return;
    await emit(headed ? text : head + text);
    headed = true;
  };
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of archive.part(sheet.part)) {
      yield piece;
      await flush();
    }
  };
  await readXml(pieces(), rows.handlers);
  await flush();
  if (!headed && rows.columns !== '') await emit(`${head}${rows.columns}\n\n`);
}

/** The rows of one sheet as they are read. */
class Rows {
  private readonly records = new Records();
  private text = '';
  private cells: string[] = [];
  private column = 0;
  private type = '';
  private style = 0;
  private value = '';
  private inValue = false;

  constructor(private readonly shared: Shared) {}

  readonly handlers = {
    open: (name: string, attributes: Readonly<Record<string, string>>): void => {
      if (name === 'row') this.cells = [];
      if (name === 'c') this.beginCell(attributes);
      if (name === 'v' || name === 't') this.inValue = true;
    },
    close: (name: string): void => {
      if (name === 'v' || name === 't') this.inValue = false;
      if (name === 'c') this.endCell();
      if (name === 'row') this.text += this.records.row(Array.from(this.cells, (cell) => cell ?? ''));
    },
    text: (piece: string): void => {
      if (this.inValue) this.value += piece;
    },
  };

  get columns(): string {
    return this.records.columns;
  }

  take(): string {
    const { text } = this;
    this.text = '';
    return text;
  }

  private beginCell({ r: place = '', t: type = 'n', s: style = '-1' }: Readonly<Record<string, string>>): void {
    const column = columnOf(place);
    this.column = column ?? this.cells.length;
    this.type = type;
    this.style = Number(style);
    this.value = '';
  }

  private endCell(): void {
    if (this.column < MOST_COLUMNS) this.cells[this.column] = this.shown();
  }

  private shown(): string {
    const { type, value, shared } = this;
    if (type === 's') return shared.strings[Number(value)] ?? '';
    if (type === 'b') return value === '1' ? 'true' : 'false';
    if (type === 'n' && value !== '' && shared.dates.has(this.style)) return dateText(Number(value));
    return value;
  }
}

function columnOf(place: string): number | undefined {
  const letters = /^[A-Z]{1,3}/u.exec(place)?.[0];
  if (letters === undefined) return undefined;
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}

function dateText(days: number): string {
  const instant = new Date(EPOCH_MS + Math.round(days * DAY_MS));
  if (Number.isNaN(instant.getTime())) return String(days);
  const text = instant.toISOString();
  return Number.isInteger(days) ? text.slice(0, 10) : text.slice(0, 16).replace('T', ' ');
}
