import type { TextDecoder } from 'node:util';
import { readSpool } from '#infra/files/spool.js';
import type { SourceHandle } from './parse-task.js';
import { decoderOf } from './undeclared-charset.js';

const PIECE = 1024 * 1024;

/** A file's bytes, read from anywhere in it. */
export class Source {
  constructor(private readonly handle: SourceHandle) {}

  get size(): number {
    return this.handle.kind === 'bytes' ? this.handle.bytes.length : this.handle.size;
  }

  /** The bytes from `offset`, at most `length`, fewer only at the end. */
  read(offset: number, length: number): Buffer {
    if (this.handle.kind === 'spool') return readSpool(this.handle, offset, length);
    const { bytes } = this.handle;
    const end = Math.min(bytes.length, offset + length);
    return Buffer.from(bytes.buffer, bytes.byteOffset + offset, Math.max(0, end - offset));
  }

  /** A decoder for its text, in this charset unless a byte order mark tells another; without both, by all of its bytes. */
  decoder(charset: string | undefined): TextDecoder {
    return decoderOf(() => this.pieces(), this.read(0, 4), charset);
  }

  *pieces(): Generator<Buffer> {
    for (let at = 0; at < this.size; at += PIECE) yield this.read(at, PIECE);
  }
}
