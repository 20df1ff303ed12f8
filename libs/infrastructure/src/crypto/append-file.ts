import { open, type FileHandle } from 'node:fs/promises';

/** A file that grows at its end; after a failed write it refuses more, for what it holds is then not known. */
export class AppendFile {
  private broken: unknown;

  private constructor(
    private readonly handle: FileHandle,
    private size: number,
  ) {}

  static async open(path: string): Promise<AppendFile> {
    const handle = await open(path, 'r+');
    return new AppendFile(handle, (await handle.stat()).size);
  }

  /** Durable when it returns; the offset at which the text stands. */
  async append(text: string): Promise<number> {
    const offset = this.size;
    const bytes = Buffer.from(text);
    await this.guarded(async () => {
      await writeAt(this.handle, bytes, offset);
      await this.handle.datasync();
    });
    this.size += bytes.length;
    return offset;
  }

  /** Overwrites the ranges with spaces, keeping each one's line end. */
  async blank(ranges: readonly { readonly offset: number; readonly length: number }[]): Promise<void> {
    await this.guarded(async () => {
      for (const { offset, length } of ranges) await writeAt(this.handle, Buffer.alloc(length - 1, ' '), offset);
      await this.handle.datasync();
    });
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    if (this.broken !== undefined)
      throw new Error('the key file failed earlier; restart to read it again', { cause: this.broken });
    try {
      await work();
    } catch (error) {
      this.broken = error;
      throw error;
    }
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}
