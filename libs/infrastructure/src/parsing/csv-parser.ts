import type { TextDecoder } from 'node:util';
import { parse, type Parser } from 'csv-parse';
import { decoderFor } from './formats.js';
import type { Emit } from './part-writer.js';
import { unreadable } from './parsing-errors.js';
import { Records } from './records.js';
import type { Source } from './source.js';

const LONGEST_RECORD = 1024 * 1024;
const delimiters = [',', ';', '\t', '|'];

/** Reads comma-separated values, also with semicolons, tabs or bars, as one readable record a row. */
export async function parseCsv(source: Source, charset: string | undefined, emit: Emit): Promise<void> {
  const decoder = decoderFor(source.read(0, 4), charset);
  const head = decoderFor(source.read(0, 4), charset).decode(source.read(0, 65_536), { stream: true });
  const parser = parse({
    delimiter: delimiterOf(head),
    bom: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: LONGEST_RECORD,
  });
  const fed = feed(parser, source, decoder);
  const records = new Records();
  try {
    for await (const row of parser) await emit(records.row(row as string[]));
    await fed;
  } catch (error) {
    throw unreadable('broken', error);
  }
  await emit(records.end());
}

async function feed(parser: Parser, source: Source, decoder: TextDecoder): Promise<void> {
  for (const piece of source.pieces()) {
    const text = decoder.decode(piece, { stream: true });
    if (text.includes('\0')) return void parser.destroy(unreadable('mistyped'));
    if (!parser.write(text)) await new Promise<void>((resolve) => parser.once('drain', resolve));
    if (parser.destroyed) return;
  }
  parser.end(decoder.decode());
}

/** The delimiter that the first line has most of. */
function delimiterOf(head: string): string {
  const [line = ''] = head.split(/\r?\n/u, 1);
  const counts = delimiters.map((delimiter) => line.split(delimiter).length);
  return delimiters[counts.indexOf(Math.max(...counts))] ?? ',';
}
