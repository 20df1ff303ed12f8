import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** Far beyond any document, and far below the longest string. */
const LONGEST = 64 * 1024 * 1024;

/**
 * The lines of a UTF-8 file that are not blank, without the byte order mark and the line ends; a file whose name ends in .gz is
 * unpacked. Only a line feed ends a line: texts in JSON may hold every other separator. Errors name the file.
 */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let number = 0;
  let rest = '';
  try {
    for await (const bytes of bytesOf(path)) {
      const [first = '', ...others] = decoder.decode(bytes as Uint8Array, { stream: true }).split('\n');
      rest += first;
      for (const next of others) {
        number += 1;
        if (rest.trim() !== '') yield { number, text: withoutReturn(rest) };
        rest = next;
      }
      if (rest.length > LONGEST) throw new Error(`line ${number + 1} is longer than ${LONGEST} characters`);
    }
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield { number: number + 1, text: withoutReturn(rest) };
}

function bytesOf(path: string): Readable {
  const packed = createReadStream(path, { highWaterMark: 256 * 1024 });
  // What goes wrong with either is thrown by the one that is read.
  return path.toLowerCase().endsWith('.gz') ? pipeline(packed, createGunzip(), () => undefined) : packed;
}

const withoutReturn = (text: string): string => (text.endsWith('\r') ? text.slice(0, -1) : text);
