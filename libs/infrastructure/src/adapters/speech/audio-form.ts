import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { AudioFormat } from './audio-format.js';

/** Audio whose bytes are read piece by piece, wherever they lie. */
export interface AudioSource {
  readonly format: AudioFormat;
  readonly size: number;
  /** From an offset, at most so many bytes, fewer only at the end. */
  read(offset: number, length: number): Uint8Array;
}

/** A multipart body that is never whole in memory, and can be sent once. */
export interface AudioForm {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

const PIECE_BYTES = 64 * 1_024;

/** The form of a transcription: its fields, and the audio under a name that only tells its format. */
export function audioForm(fields: Readonly<Record<string, string>>, audio: AudioSource): AudioForm {
  const boundary = `audio-${randomBytes(16).toString('hex')}`;
  const part = (disposition: string, rest: string): string =>
    `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n${rest}`;
  const { mime, extension } = audio.format;
  const texts = Object.entries(fields).map(([name, value]) => part(`name="${name}"`, `\r\n${value}\r\n`));
  const file = part(`name="file"; filename="audio.${extension}"`, `content-type: ${mime}\r\n\r\n`);
  const head = Buffer.from(`${texts.join('')}${file}`);
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(head.length + audio.size + tail.length),
    },
    body: piecesOf(head, audio, tail),
  };
}

async function* piecesOf(head: Uint8Array, audio: AudioSource, tail: Uint8Array): AsyncGenerator<Uint8Array> {
  yield head;
  for (let at = 0; at < audio.size; at += PIECE_BYTES) {
    // Whoever aborts, and whoever else is waiting, comes in between two reads.
    await turn();
    yield audio.read(at, PIECE_BYTES);
  }
  yield tail;
}
