import { createCipheriv, createDecipheriv, randomBytes, randomUUID, type Cipheriv } from 'node:crypto';
import { readSync } from 'node:fs';
import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BLOCK = 16;

/** Where a spool's bytes lie; valid in every thread of this process while the spool is open. */
export interface SpoolHandle {
  readonly fd: number;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly size: number;
}

/**
 * Bytes that are too many for memory, in a file that has no name any more and is encrypted under a key that only this
 * process holds: however the process ends, nothing of it is left.
 */
export class Spool {
  private readonly cipher: Cipheriv;
  private written = 0;
  private closed = false;

  private constructor(
    private readonly file: FileHandle,
    private readonly key: Uint8Array,
    private readonly iv: Uint8Array,
  ) {
    this.cipher = createCipheriv('aes-256-ctr', key, iv);
  }

  static async open(folder = join(tmpdir(), 'nexusrag-spool')): Promise<Spool> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, randomUUID());
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return new Spool(file, randomBytes(32), randomBytes(BLOCK));
  }

  get size(): number {
    return this.written;
  }

  get handle(): SpoolHandle {
    return { fd: this.file.fd, key: this.key, iv: this.iv, size: this.written };
  }

  async append(bytes: Uint8Array): Promise<void> {
    const sealed = this.cipher.update(bytes);
    let at = 0;
    while (at < sealed.length)
      at += (await this.file.write(sealed, at, sealed.length - at, this.written + at)).bytesWritten;
    this.written += bytes.length;
  }

  read(offset: number, length: number): Buffer {
    return readSpool(this.handle, offset, length);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.file.close();
  }
}

/** The clear bytes from `offset`, at most `length`, fewer only at the end. */
export function readSpool(handle: SpoolHandle, offset: number, length: number): Buffer {
  const before = offset % BLOCK;
  const wanted = Math.max(0, Math.min(length, handle.size - offset));
  const sealed = Buffer.alloc(wanted + before);
  let read = 0;
  while (read < sealed.length) {
    const got = readSync(handle.fd, sealed, read, sealed.length - read, offset - before + read);
    if (got === 0) throw new Error('The spooled file is shorter than it was.');
    read += got;
  }
  const decipher = createDecipheriv('aes-256-ctr', handle.key, counterAt(handle.iv, (offset - before) / BLOCK));
  return decipher.update(sealed).subarray(before);
}

/** The initial counter plus so many blocks: 128 bits, big endian. */
function counterAt(iv: Uint8Array, blocks: number): Buffer {
  const sum = (BigInt(`0x${Buffer.from(iv).toString('hex')}`) + BigInt(blocks)) % (1n << 128n);
  return Buffer.from(sum.toString(16).padStart(BLOCK * 2, '0'), 'hex');
}
