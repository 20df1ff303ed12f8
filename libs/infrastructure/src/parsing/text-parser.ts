import type { Emit } from './part-writer.js';
import { unreadable } from './parsing-errors.js';
import type { Source } from './source.js';

/** Decodes text piece by piece. */
export async function parseText(source: Source, charset: string | undefined, emit: Emit): Promise<void> {
  const decoder = source.decoder(charset);
  let carried = '';
  const pass = async (text: string): Promise<void> => {
    if (text.includes('\0')) throw unreadable('mistyped');
    await emit(text.toWellFormed());
  };
  for (const piece of source.pieces()) {
    const text = carried + decoder.decode(piece, { stream: true });
    // Half of a surrogate pair, or of a line break, waits for the other half.
    const cut = /[\ud800-\udbff\r]$/u.test(text) || isHighSurrogate(text) ? text.length - 1 : text.length;
    carried = text.slice(cut);
    await pass(text.slice(0, cut));
  }
  await pass(carried + decoder.decode());
}

function isHighSurrogate(text: string): boolean {
  const code = text.charCodeAt(text.length - 1);
  return code >= 0xd800 && code < 0xdc00;
}

const LONGEST_JSON = 64 * 1024 * 1024;

/** The `text` of a JSON object. */
export async function parseJsonText(source: Source, charset: string | undefined, emit: Emit): Promise<void> {
  if (source.size > LONGEST_JSON) throw unreadable('textTooLong');
  const bytes = source.read(0, source.size);
  let parsed: unknown;
  try {
    parsed = JSON.parse(source.decoder(charset).decode(bytes));
  } catch (error) {
    throw unreadable(error instanceof RangeError ? 'nested' : 'broken', error);
  }
  const text = typeof parsed === 'object' && parsed !== null ? (parsed as { text?: unknown }).text : undefined;
  if (typeof text !== 'string') throw unreadable('noText');
  if (text.includes('\0')) throw unreadable('mistyped');
  await emit(text.toWellFormed());
}
