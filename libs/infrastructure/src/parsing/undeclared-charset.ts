import { TextDecoder } from 'node:util';
import { decoderFor, hasByteOrderMark } from './formats.js';

/**
 * A decoder for all of these bytes. Where nothing tells their charset and they are no UTF-8, they are read as browsers do, as
 * windows-1252; but a text of UTF-8 that is damaged in places stays one.
 */
export function decoderOf(pieces: () => Iterable<Uint8Array>, head: Uint8Array, charset?: string): TextDecoder {
  if (charset !== undefined || hasByteOrderMark(head) || isUtf8(pieces())) return decoderFor(head, charset);
  return new TextDecoder(isMostlyUtf8(pieces()) ? 'utf-8' : 'windows-1252');
}

function isUtf8(pieces: Iterable<Uint8Array>): boolean {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for (const piece of pieces) decoder.decode(piece, { stream: true });
    decoder.decode();
    return true;
  } catch {
    return false;
  }
}

const REPLACEMENT = 0xfffd;

/** Whether more characters beyond ASCII fit than do not. */
function isMostlyUtf8(pieces: Iterable<Uint8Array>): boolean {
  const decoder = new TextDecoder('utf-8');
  let balance = 0;
  for (const piece of pieces) {
    const text = decoder.decode(piece, { stream: true });
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > 0x7f) balance += unit === REPLACEMENT ? -1 : 1;
    }
  }
  return balance > 0;
}
