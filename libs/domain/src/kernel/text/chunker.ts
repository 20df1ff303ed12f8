import { CatalogueError, defineErrors, refuse, type Refusal } from '../errors.js';
import { measureByCharacters, measureByTokens, type ChunkMeasure, type TokenEnds } from './chunk-measure.js';
import type { PageSpan } from './page-span.js';
import type { Span } from './sentences.js';
import { blocksOf, paragraphsOf, type TextBlock } from './text-blocks.js';
import { windowsOf } from './text-windows.js';

/** Sizes in UTF-16 characters of the text, or in tokens. */
export interface ChunkSettings {
  readonly size: number;
  readonly overlap: number;
  /** Characters when absent. */
  readonly unit?: 'characters' | 'tokens';
}

/** A piece of a text: `text === source.slice(start, end)`, always, in UTF-16 offsets of the original. */
export interface Chunk extends Span {
  readonly ordinal: number;
  readonly text: string;
  /** The headings that it stands under, and the head of the table that it goes on with; absent when there are none. */
  readonly context?: string;
  /** From 1; absent where the text has no pages. */
  readonly pages?: PageSpan;
}

export const chunkErrors = defineErrors('chunking', {
  settingsInvalid: [
    'validation',
    'CHUNK_SETTINGS_INVALID',
    'The size of chunks must be a whole number of at least 1, and their overlap at least 0 and below it.',
  ],
  tooMany: ['validation', 'CHUNKS_TOO_MANY', 'These chunk settings cut this text into too many chunks.'],
});

/** Most chunks of one text, and most characters in all of them, unless the text itself is that long. */
const MOST_CHUNKS = 50_000;
const MOST_CHARACTERS = 100_000_000;
const CHARACTERS_PER_CHUNK = 400;
const MOST_REPETITION = 1.5;
/** A rule of thumb, for estimates before anything is counted. */
const CHARACTERS_PER_TOKEN = 4;

export const defaultChunkSettings: ChunkSettings = { size: 1200, overlap: 150 };

const DEFAULT_TOKENS = 300;

/** The settings a caller asked for. A missing overlap is an eighth of the size, at most 150; 0 means none. */
export function chunkSettings(
  size?: number | null,
  overlap?: number | null,
  unit: 'characters' | 'tokens' = 'characters',
): ChunkSettings | Refusal {
  const wanted = size ?? (unit === 'tokens' ? DEFAULT_TOKENS : defaultChunkSettings.size);
  const lap = overlap ?? Math.min(defaultChunkSettings.overlap, Math.floor(wanted / 8));
  if (isWithin(wanted, 1, Number.MAX_SAFE_INTEGER) && isWithin(lap, 0, wanted - 1))
    return unit === 'tokens' ? { size: wanted, overlap: lap, unit } : { size: wanted, overlap: lap };
  return refuse(chunkErrors.settingsInvalid, { size: wanted, overlap: lap, unit });
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

/** Whether a text of this length would be cut into too many chunks, by what each window leaves behind. */
export function areTooMany(length: number, settings: ChunkSettings): boolean {
  const scale = settings.unit === 'tokens' ? CHARACTERS_PER_TOKEN : 1;
  const size = settings.size * scale;
  const overlap = settings.overlap * scale;
  const chunks = length <= size ? 1 : Math.ceil(length / (size - overlap));
  return (
    chunks > mostChunks(length) || chunks * Math.min(size, length) > Math.max(MOST_CHARACTERS, MOST_REPETITION * length)
  );
}

/** How many chunks a text of this length may have. */
export function mostChunks(length: number): number {
  return Math.max(MOST_CHUNKS, Math.ceil(length / CHARACTERS_PER_CHUNK));
}

export interface ChunkOptions {
  /** Whether `#` begins a heading, and lines may be items and rows. */
  readonly structured?: boolean;
  /** Counts tokens; needed where sizes are tokens. */
  readonly tokenEnds?: TokenEnds;
  /** The headings that the text begins under. */
  readonly headings?: Headings;
}

/** Open headings by their level; a new one closes those of its level and below. */
export type Headings = readonly (string | undefined)[];

/** A chunk with the headings that were open where it begins. */
export interface CutChunk extends Chunk {
  readonly headings: Headings;
}

/**
 * Cuts a text into chunks of at most `size` (a character more where one would break in two). Blocks are joined as long as
 * they fit; a heading begins a new chunk where the last one is not tiny; a block that does not fit is cut by a window that
 * prefers lines of lists and tables, then sentences, then words. Throws `tooMany` beyond what a document may have.
 */
export function chunkText(
  text: string,
  settings: ChunkSettings = defaultChunkSettings,
  options: ChunkOptions = {},
): CutChunk[] {
  const measure = measureOf(text, settings, options.tokenEnds);
  const most = mostChunks(text.length);
  const cutter = new Cutter(text, measure, most, options.headings ?? []);
  for (const block of options.structured === true ? blocksOf(text) : paragraphsOf(text)) cutter.take(block);
  return cutter.end();
}

function measureOf(
  text: string,
  { size, overlap, unit }: ChunkSettings,
  tokenEnds: TokenEnds | undefined,
): ChunkMeasure {
  if (unit !== 'tokens') return measureByCharacters(size, overlap);
  if (tokenEnds === undefined) throw new TypeError('Sizes in tokens need something that counts them.');
  return measureByTokens(tokenEnds(text), size, overlap);
}

interface OpenChunk extends Span {
  readonly headings: Headings;
  readonly tableHead: string | undefined;
  /** Whether it holds anything but headings. */
  readonly filled: boolean;
}

const LONGEST_HEADING = 200;

class Cutter {
  private readonly cut: OpenChunk[] = [];
  private open: OpenChunk | undefined;

  constructor(
    private readonly text: string,
    private readonly measure: ChunkMeasure,
    private readonly most: number,
    private headings: Headings,
  ) {}

  take(block: TextBlock): void {
    const before = this.headings;
    if (block.level > 0) this.headings = [...before.slice(0, block.level - 1), this.titleOf(block)];
    const { open } = this;
    if (open !== undefined && !this.begins(block, open) && block.end <= this.measure.reach(open.start)) {
      this.open = { ...open, end: block.end, filled: open.filled || block.level === 0 };
      return;
    }
    this.close();
    const fits = block.end <= this.measure.reach(block.start);
    const windows: readonly Span[] = fits ? [block] : windowsOf(this.text, block, this.measure, this.most);
    const tableHead = block.lined ? this.rowOf(block) : undefined;
    windows.forEach(({ start, end }, at) => {
      this.close();
      const headings = at === 0 ? before : this.headings;
      this.open = { start, end, headings, tableHead: at === 0 ? undefined : tableHead, filled: block.level === 0 };
    });
  }

  end(): CutChunk[] {
    this.close();
    return this.cut.map(({ start, end, headings, tableHead }, ordinal) => {
      const text = this.text.slice(start, end);
      const context = [
        ...headings.filter((title) => title !== undefined),
        ...(tableHead === undefined ? [] : [tableHead]),
      ];
      return { ordinal, start, end, text, headings, ...(context.length === 0 ? {} : { context: context.join('\n') }) };
    });
  }

  private close(): void {
    if (this.open !== undefined) this.cut.push(this.open);
    this.open = undefined;
    if (this.cut.length > this.most) throw new CatalogueError(chunkErrors.tooMany);
  }

  /** Whether a heading begins a new chunk: not where the open one would be left tiny. */
  private begins(block: TextBlock, open: OpenChunk): boolean {
    if (block.level === 0 || !open.filled) return false;
    return (open.end - open.start) * 4 >= this.measure.reach(open.start) - open.start;
  }

  private titleOf({ start, end }: Span): string {
    return this.text
      .slice(start, end)
      .replace(/^#+\s*/u, '')
      .replace(/\s*#*$/u, '')
      .slice(0, LONGEST_HEADING);
  }

  private rowOf({ start, end }: Span): string | undefined {
    const [first = ''] = this.text.slice(start, Math.min(end, start + 1_000)).split(/\r?\n/u, 1);
    return /\s\|\s|^\|/u.test(first) ? first.slice(0, LONGEST_HEADING) : undefined;
  }
}
