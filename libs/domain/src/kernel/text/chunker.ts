import { CatalogueError, defineErrors, refuse, type Refusal } from '../errors.js';
import { isSpace, trimSpan, type Span } from './sentences.js';

/** Sizes in UTF-16 characters of the text. */
export interface ChunkSettings {
  readonly size: number;
  readonly overlap: number;
}

/** A piece of a text: `text === source.slice(start, end)`, always, in UTF-16 offsets of the original. */
export interface Chunk extends Span {
  readonly ordinal: number;
  readonly text: string;
}

export const chunkErrors = defineErrors('chunking', {
  settingsInvalid: [
    'validation',
    'CHUNK_SETTINGS_INVALID',
    'chunk_size_chars must be a whole number of at least 1, and chunk_overlap_chars at least 0 and below it.',
  ],
  tooMany: ['validation', 'CHUNKS_TOO_MANY', 'These chunk settings cut this text into too many chunks.'],
});

/** Most chunks of one text, and most characters in all of them: more is a slip, or meant to bring the server down. */
const MOST_CHUNKS = 50_000;
const MOST_CHARACTERS = 100_000_000;

export const defaultChunkSettings: ChunkSettings = { size: 1200, overlap: 150 };

/** The settings a caller asked for. A missing overlap is an eighth of the size, at most 150; 0 means none. */
export function chunkSettings(size?: number | null, overlap?: number | null): ChunkSettings | Refusal {
  const wanted = size ?? defaultChunkSettings.size;
  const lap = overlap ?? Math.min(defaultChunkSettings.overlap, Math.floor(wanted / 8));
  const valid = Number.isSafeInteger(wanted) && Number.isSafeInteger(lap) && wanted >= 1 && lap >= 0 && lap < wanted;
  if (valid) return { size: wanted, overlap: lap };
  return refuse(chunkErrors.settingsInvalid, { chunk_size_chars: wanted, chunk_overlap_chars: lap });
}

/** Whether a text of this length would be cut into too many chunks, by what each window leaves behind. */
export function areTooMany(length: number, { size, overlap }: ChunkSettings): boolean {
  const chunks = length <= size ? 1 : Math.ceil(length / (size - overlap));
  return chunks > MOST_CHUNKS || chunks * Math.min(size, length) > MOST_CHARACTERS;
}

/**
 * Cuts a text into chunks of at most `size` characters (one more where a character would break in two). Paragraphs are
 * joined as long as they fit; one that does not fit is cut by a window that prefers sentence, then word borders. Throws
 * `tooMany` beyond what a document may have.
 */
export function chunkText(text: string, settings: ChunkSettings = defaultChunkSettings): Chunk[] {
  const spans: Span[] = [];
  let open: Span | undefined;
  for (const paragraph of paragraphs(text)) {
    if (open !== undefined && paragraph.end - open.start <= settings.size) {
      open = { start: open.start, end: paragraph.end };
      continue;
    }
    if (open !== undefined) spans.push(open);
    if (spans.length > MOST_CHUNKS) throw new CatalogueError(chunkErrors.tooMany);
    const windows = paragraph.end - paragraph.start <= settings.size ? [paragraph] : slide(text, paragraph, settings);
    open = windows.pop();
    for (const window of windows) spans.push(window);
  }
  if (open !== undefined) spans.push(open);
  return spans.map((span, ordinal) => ({ ordinal, ...span, text: text.slice(span.start, span.end) }));
}

const blankLine = /(?:\r\n|\n|\r)[^\S\r\n]*(?:\r\n|\n|\r)\s*/gu;

function paragraphs(text: string): Span[] {
  const found: Span[] = [];
  let start = 0;
  const push = (end: number): void => {
    const span = trimSpan(text, start, end);
    if (span !== undefined) found.push(span);
  };
  for (const match of text.matchAll(blankLine)) {
    push(match.index);
    start = match.index + match[0].length;
  }
  push(text.length);
  return found;
}

function slide(text: string, paragraph: Span, { size, overlap }: ChunkSettings): Span[] {
  const windows: Span[] = [];
  let start = paragraph.start;
  let reached = start;
  while (start < paragraph.end) {
    const end = windowEnd(text, start, paragraph.end, size, reached);
    const span = trimSpan(text, start, end);
    if (span !== undefined) windows.push(span);
    if (windows.length > MOST_CHUNKS) throw new CatalogueError(chunkErrors.tooMany);
    if (end >= paragraph.end) break;
    reached = end;
    start = nextStart(text, start, end, overlap);
    while (isSpace(text, start)) start++;
  }
  return windows;
}

/** A sentence or word border in the second half of the window, beyond what the last window reached; else a hard cut. */
function windowEnd(text: string, start: number, limit: number, size: number, reached: number): number {
  if (start + size >= limit) return limit;
  const hard = start + size;
  const least = Math.max(start + Math.ceil(size / 2), reached);
  for (let at = hard; at > least; at--) if (isSpace(text, at) && /[.!?。！？…]/u.test(text.charAt(at - 1))) return at;
  for (let at = hard; at > least; at--) if (isSpace(text, at)) return at;
  return wholeCharacter(text, start, hard, limit);
}

/** The window after this one starts at the first word in its last `overlap` characters, and always further on. */
function nextStart(text: string, start: number, end: number, overlap: number): number {
  const earliest = Math.max(end - overlap, start + 1);
  for (let at = earliest; at < end; at++) if (isSpace(text, at - 1) && !isSpace(text, at)) return at;
  let whole = earliest;
  while (whole < end && splits(text, whole)) whole++;
  return whole;
}

function wholeCharacter(text: string, start: number, hard: number, limit: number): number {
  let end = hard;
  while (end > start && splits(text, end)) end--;
  if (end > start) return end;
  end = hard;
  while (end < limit && splits(text, end)) end++;
  return end;
}

const attached = /[\p{M}\u200d]/u;

/** True when a cut at the offset would part a surrogate pair, a line break, or a letter and its marks. */
function splits(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  if (before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000) return true;
  if (before === 13 && after === 10) return true;
  return before === 0x200d || attached.test(text.charAt(at));
}
