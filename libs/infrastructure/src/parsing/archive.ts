import { Readable } from 'node:stream';
import { fromRandomAccessReader, RandomAccessReader, type Entry, type ZipFile } from 'yauzl';
import type { ParseLimits } from './parse-task.js';
import { unreadable } from './parsing-errors.js';
import type { Source } from './source.js';

const MOST_PARTS = 10_000;
/** How much smaller a part may be packed, once it is large enough to matter. */
const MOST_RATIO = 250;
const RATIO_FROM = 1024 * 1024;

/** An office document's parts by name. What it unpacks to, and how often, is bounded before anything is unpacked. */
export class Archive {
  private unpacked = 0;

  private constructor(
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
    private readonly limits: ParseLimits,
  ) {}

  static async open(source: Source, limits: ParseLimits): Promise<Archive> {
    const zip = await openZip(source);
    const entries = await readEntries(zip);
    const declared = [...entries.values()].reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
    if (declared > limits.maxUnpacked) throw unreadable('bomb');
    refuseMacros(entries);
    return new Archive(zip, entries, limits);
  }

  get names(): readonly string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** A part's bytes as they are unpacked. Throws `broken` for a part that is not there. */
  async *part(name: string): AsyncGenerator<Buffer> {
    const entry = this.entries.get(name);
    if (entry === undefined) throw unreadable('broken');
    const stream = await new Promise<Readable>((resolve, reject) => {
      this.zip.openReadStream(entry, (error, opened) => (error === null ? resolve(opened) : reject(error)));
    }).catch((error: unknown) => {
      throw unreadable('broken', error);
    });
    try {
      for await (const bytes of stream) {
        this.unpacked += (bytes as Buffer).length;
        if (this.unpacked > 2 * this.limits.maxUnpacked) throw unreadable('bomb');
        yield bytes as Buffer;
      }
    } catch (error) {
      throw isOurs(error) ? error : unreadable(tooManyBytes(error) ? 'bomb' : 'broken', error);
    }
  }

  close(): void {
    this.zip.close();
  }
}

const isOurs = (error: unknown): boolean => error instanceof Error && error.name === 'CatalogueError';
/** A part that unpacks to more than it declares. */
const tooManyBytes = (error: unknown): boolean => error instanceof Error && error.message.startsWith('too many bytes');

class SourceReader extends RandomAccessReader {
  constructor(private readonly source: Source) {
    super();
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const { source } = this;
    const pieces = function* (): Generator<Buffer> {
      for (let at = start; at < end; at += 65_536) yield source.read(at, Math.min(65_536, end - at));
    };
    return Readable.from(pieces(), { objectMode: false });
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}

function openZip(source: Source): Promise<ZipFile> {
  const options = { lazyEntries: true, strictFileNames: true, validateEntrySizes: true, autoClose: false };
  return new Promise((resolve, reject) => {
    fromRandomAccessReader(new SourceReader(source), source.size, options, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(unreadable('broken', error));
    });
  });
}

function readEntries(zip: ZipFile): Promise<ReadonlyMap<string, Entry>> {
  const entries = new Map<string, Entry>();
  return new Promise((resolve, reject) => {
    if (zip.entryCount > MOST_PARTS) {
      reject(unreadable('parts'));
      return;
    }
    zip.on('entry', (entry) => {
      try {
        checkEntry(entry);
      } catch (error) {
        reject(error instanceof Error ? error : unreadable('broken', error));
        return;
      }
      entries.set(entry.fileName, entry);
      zip.readEntry();
    });
    zip.on('end', () => resolve(entries));
    zip.on('error', (error) => reject(unreadable(isPathError(error) ? 'paths' : 'broken', error)));
    zip.readEntry();
  });
}

const isPathError = ({ message }: Error): boolean =>
  /^(?:invalid relative path|absolute path|invalid characters in fileName)/u.test(message);

function checkEntry({ generalPurposeBitFlag, compressedSize, uncompressedSize }: Entry): void {
  if ((generalPurposeBitFlag & 1) !== 0) throw unreadable('encrypted');
  if (uncompressedSize > RATIO_FROM && uncompressedSize > MOST_RATIO * Math.max(1, compressedSize))
    throw unreadable('bomb');
}

/** Refused rather than ignored: who sends one should know that it was not read as a whole. */
function refuseMacros(entries: ReadonlyMap<string, Entry>): void {
  for (const name of entries.keys()) if (/(?:^|\/)vba(?:Project|Data)[^/]*$/iu.test(name)) throw unreadable('macros');
}
