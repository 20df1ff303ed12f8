/** A form of audio that is transcribed. */
export interface AudioFormat {
  readonly mime: string;
  /** What servers of the OpenAI API tell formats by. */
  readonly extension: string;
}

/** Bytes that are enough to tell a format. */
export const AUDIO_HEAD_BYTES = 16;

const is = (head: Uint8Array, text: string, at = 0): boolean =>
  Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1', at, at + text.length) === text;

/** MPEG audio begins with a tag, or with the sync word of a frame of layer 2 or 3. */
function isMpeg(head: Uint8Array): boolean {
  const [first = 0, second = 0] = head;
  const layer = second & 0x06;
  return is(head, 'ID3') || (first === 0xff && (second & 0xe0) === 0xe0 && (layer === 0x02 || layer === 0x04));
}

const FORMATS: readonly (readonly [format: AudioFormat, begins: (head: Uint8Array) => boolean])[] = [
  [{ mime: 'audio/wav', extension: 'wav' }, (head) => is(head, 'RIFF') && is(head, 'WAVE', 8)],
  [{ mime: 'audio/flac', extension: 'flac' }, (head) => is(head, 'fLaC')],
  [{ mime: 'audio/ogg', extension: 'ogg' }, (head) => is(head, 'OggS')],
  [{ mime: 'audio/webm', extension: 'webm' }, (head) => is(head, '\x1a\x45\xdf\xa3')],
  [{ mime: 'audio/mp4', extension: 'mp4' }, (head) => is(head, 'ftyp', 4)],
  [{ mime: 'audio/mpeg', extension: 'mp3' }, isMpeg],
];

/** What audio is, by its first bytes, whatever its name or its sender say; undefined for what is none that we take. */
export function audioFormatOf(head: Uint8Array): AudioFormat | undefined {
  return FORMATS.find(([, begins]) => begins(head))?.[0];
}
