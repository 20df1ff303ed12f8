import {
  areTooMany,
  chunkErrors,
  chunkText,
  mostChunks,
  type Chunk,
  type ChunkOptions,
  type ChunkSettings,
  type CutChunk,
  type Headings,
} from './chunker.js';
import { CatalogueError } from '../errors.js';
import { pagesOf, type PageMark } from './page-span.js';

/** Characters that are gathered before they are cut: many times what a chunk holds. */
const GATHERED = 1_000_000;

/** Cuts a text that comes in parts, in memory that does not grow with it, as `chunkText` would cut it at once. */
export class Splitter {
  private text = '';
  /** Offset of `text` in the document. */
  private base = 0;
  private headings: Headings;
  private ordinal = 0;
  private marks: PageMark[] = [];
  private opened = '';

  constructor(
    private readonly settings: ChunkSettings,
    private readonly options: ChunkOptions = {},
    private readonly gathered = GATHERED,
  ) {
    this.headings = options.headings ?? [];
  }

  /** The beginning of the text, at most a thousand characters. */
  get opening(): string {
    return this.opened;
  }

  /** Characters taken so far. */
  get length(): number {
    return this.base + this.text.length;
  }

  /** Takes the next part, and gives the chunks that no later part can change. */
  push(text: string, page: number | null = null): Chunk[] {
    if (page !== null && this.marks.at(-1)?.page !== page) this.marks.push({ at: this.length, page });
    if (this.opened.length < 1_000) this.opened += text.slice(0, 1_000 - this.opened.length);
    this.text += text;
    if (this.text.length < this.gathered) return [];
    const chunks = chunkText(this.text, this.settings, { ...this.options, headings: this.headings });
    const last = chunks.at(-1);
    if (last === undefined) {
      this.forget(this.text.length, this.headings);
      return [];
    }
    if (last.start === 0) return [];
    const done = this.placed(chunks.slice(0, -1));
    this.forget(last.start, last.headings);
    return done;
  }

  /** The remaining chunks. */
  end(): Chunk[] {
    const chunks = this.placed(chunkText(this.text, this.settings, { ...this.options, headings: this.headings }));
    this.forget(this.text.length, this.headings);
    return chunks;
  }

  private forget(length: number, headings: Headings): void {
    this.text = this.text.slice(length);
    this.base += length;
    this.headings = headings;
    const current = this.marks.findLastIndex(({ at }) => at <= this.base);
    if (current > 0) this.marks.splice(0, current);
  }

  private placed(chunks: readonly CutChunk[]): Chunk[] {
    const placed = chunks.map(({ headings: _, ...chunk }, at): Chunk => {
      const start = this.base + chunk.start;
      const end = this.base + chunk.end;
      const pages = pagesOf(this.marks, start, end);
      return { ...chunk, ordinal: this.ordinal + at, start, end, ...(pages === undefined ? {} : { pages }) };
    });
    this.ordinal += placed.length;
    const { length } = this;
    if (this.ordinal > mostChunks(length) || (this.ordinal > 1 && areTooMany(length, this.settings)))
      throw new CatalogueError(chunkErrors.tooMany);
    return placed;
  }
}
