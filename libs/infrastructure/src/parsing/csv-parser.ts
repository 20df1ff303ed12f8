import { TextDecoder } from 'node:util';
import { CsvRecords } from './csv-records.js';
import type { Emit } from './part-writer.js';
import { unreadable } from './parsing-errors.js';
import { Records } from './records.js';
import type { Source } from './source.js';

const HEAD_BYTES = 65_536;
/** Of two that fit a table alike, the first. */
const delimiters = [';', '\t', ',', '|'];

/** Reads comma-separated values, also with semicolons, tabs or bars, as one readable record a row. */
export async function parseCsv(source: Source, charset: string | undefined, emit: Emit): Promise<void> {
  const decoder = source.decoder(charset);
  const head = new TextDecoder(decoder.encoding).decode(source.read(0, HEAD_BYTES), { stream: true });
  // How a table may tell Excel its delimiter.
  const [told = '', delimiter = delimiterOf(head, source.size <= HEAD_BYTES)] =
    /^sep=([^\r\n])(?:\r?\n|$)/iu.exec(head) ?? [];
  const rows = new CsvRecords(delimiter);
  const records = new Records();
  const pass = async (text: string, isLast: boolean): Promise<void> => {
    if (text.includes('\0')) throw unreadable('mistyped');
    for (const row of rows.push(text, isLast)) await emit(records.row(row));
  };
  let skipped = told.length;
  for (const piece of source.pieces()) {
    await pass(decoder.decode(piece, { stream: true }).slice(skipped), false);
    skipped = 0;
  }
  await pass(decoder.decode(), true);
  await emit(records.end());
}

/** The delimiter that cuts most of the first rows into the same number of fields. */
function delimiterOf(head: string, isAll: boolean): string {
  const fitting = delimiters.map((delimiter) => alike(new CsvRecords(delimiter).push(head, isAll)));
  const most = Math.max(...fitting);
  return most === 0 ? ',' : (delimiters[fitting.indexOf(most)] ?? ',');
}

/** How many rows have the number of fields that most have; rows whose quotes do not fit and those of one field aside. */
function alike(rows: Iterable<readonly string[]>): number {
  const counts = new Map<number, number>();
  for (const row of rows) {
    if (row.length === 1 || row.some((field) => field.startsWith('"'))) continue;
    counts.set(row.length, (counts.get(row.length) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}
