/** The part of yauzl that is used here. */
declare module 'yauzl' {
  import type { Readable } from 'node:stream';

  export interface Entry {
    readonly fileName: string;
    readonly compressedSize: number;
    readonly uncompressedSize: number;
    readonly generalPurposeBitFlag: number;
    readonly compressionMethod: number;
  }

  export interface Options {
    readonly lazyEntries?: boolean;
    readonly strictFileNames?: boolean;
    readonly validateEntrySizes?: boolean;
    readonly autoClose?: boolean;
  }

  export class RandomAccessReader {
    _readStreamForRange(start: number, end: number): Readable;
    read(
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
      callback: (error: Error | null) => void,
    ): void;
    close(callback: (error: Error | null) => void): void;
  }

  export class ZipFile {
    readonly entryCount: number;
    readEntry(): void;
    on(event: 'entry', listener: (entry: Entry) => void): this;
    on(event: 'end', listener: () => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    openReadStream(entry: Entry, callback: (error: Error | null, stream: Readable) => void): void;
    close(): void;
  }

  export function fromRandomAccessReader(
    reader: RandomAccessReader,
    size: number,
    options: Options,
    callback: (error: Error | null, zip: ZipFile) => void,
  ): void;
}
