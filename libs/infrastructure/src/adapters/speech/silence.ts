import type { AudioSource } from './audio-form.js';

const RATE = 16_000;
const SAMPLE_BYTES = 2;
const HEAD_BYTES = 44;

/** So many seconds in which nothing is said, as a WAV file of one channel of 16 bits (RIFF WAVE, a PCM `fmt ` chunk of 16 bytes). */
export function silence(seconds: number): AudioSource {
  const samples = Math.round(seconds * RATE) * SAMPLE_BYTES;
  const bytes = Buffer.alloc(HEAD_BYTES + samples);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE, 24);
  bytes.writeUInt32LE(RATE * SAMPLE_BYTES, 28);
  bytes.writeUInt16LE(SAMPLE_BYTES, 32);
  bytes.writeUInt16LE(SAMPLE_BYTES * 8, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(samples, 40);
  return {
    format: { mime: 'audio/wav', extension: 'wav' },
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}
