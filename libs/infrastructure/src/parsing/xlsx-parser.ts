import { Archive } from './archive.js';
import { builtInFormat, cellFormatOf, shownDays, type CellFormat } from './cell-formats.js';
import { relationsOf } from './office.js';
import type { Emit } from './part-writer.js';
import type { ParseLimits } from './parse-task.js';
import { unreadable } from './parsing-errors.js';
import { Records } from './records.js';
import type { Source } from './source.js';
import { readXml } from './xml.js';

const WORKBOOK = 'xl/workbook.xml';
const MOST_COLUMNS = 16_384;

interface Shared {
  readonly strings: readonly string[];
  /** The cell styles that show a date, a time or a duration. */
  readonly formats: ReadonlyMap<number, CellFormat>;
}

/** Reads a workbook sheet by sheet, each row as a readable record under the names of its header. */
export async function parseXlsx(source: Source, limits: ParseLimits, emit: Emit): Promise<void> {
  const archive = await Archive.open(source, limits);
  if (!archive.has(WORKBOOK)) throw unreadable('mistyped');
  const shared = { strings: await stringsOf(archive, limits), formats: await formatsOf(archive) };
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
  let inPhonetic = false;
  let total = 0;
  await readXml(archive.part(part), {
    open: (name) => {
      if (name === 'si') text = '';
      if (name === 'rPh') inPhonetic = true;
      if (name === 't') inText = !inPhonetic;
    },
    close: (name) => {
      if (name === 'rPh') inPhonetic = false;
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

async function formatsOf(archive: Archive): Promise<ReadonlyMap<number, CellFormat>> {
  const formats = new Map<number, CellFormat>();
  if (!archive.has('xl/styles.xml')) return formats;
  const custom = new Map<number, CellFormat | undefined>();
  let inCells = false;
  let style = 0;
  await readXml(archive.part('xl/styles.xml'), {
    open: (name, { numFmtId = '0', formatCode = '' }) => {
      const id = Number(numFmtId);
      if (name === 'numFmt') custom.set(id, cellFormatOf(formatCode));
      if (name === 'cellXfs') inCells = true;
      if (name !== 'xf' || !inCells) return;
      const format = custom.has(id) ? custom.get(id) : builtInFormat(id);
      if (format !== undefined) formats.set(style, format);
      style += 1;
    },
    close: (name) => {
      if (name === 'cellXfs') inCells = false;
    },
  });
  return formats;
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
  rows.end();
  await flush();
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
  private inPhonetic = false;

  constructor(private readonly shared: Shared) {}

  readonly handlers = {
    open: (name: string, attributes: Readonly<Record<string, string>>): void => {
      if (name === 'row') this.cells = [];
      if (name === 'c') this.beginCell(attributes);
      if (name === 'rPh') this.inPhonetic = true;
      if (name === 'v' || name === 't') this.inValue = !this.inPhonetic;
    },
    close: (name: string): void => {
      if (name === 'rPh') this.inPhonetic = false;
      if (name === 'v' || name === 't') this.inValue = false;
      if (name === 'c') this.endCell();
      if (name === 'row') this.text += this.records.row(Array.from(this.cells, (cell) => cell ?? ''));
    },
    text: (piece: string): void => {
      if (this.inValue) this.value += piece;
    },
  };

  end(): void {
    this.text += this.records.end();
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
    const format = type === 'n' && value !== '' ? shared.formats.get(this.style) : undefined;
    return format === undefined ? value : shownDays(Number(value), format);
  }
}

function columnOf(place: string): number | undefined {
  const letters = /^[A-Z]{1,3}/u.exec(place)?.[0];
  if (letters === undefined) return undefined;
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}
