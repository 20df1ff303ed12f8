import { isSpace, trimSpan, type Span } from './sentences.js';
import type { ChunkMeasure } from './chunk-measure.js';
import type { TextBlock } from './text-blocks.js';

/** Cuts a block into windows that end at lines of lists and tables, else at sentences, else at words. */
export function windowsOf(text: string, block: TextBlock, measure: ChunkMeasure, most: number): Span[] {
  const windows: Span[] = [];
  let { start } = block;
  let reached = start;
  while (start < block.end && windows.length <= most) {
    const end = windowEnd(text, { start, limit: block.end, reached, lined: block.lined }, measure);
    const span = trimSpan(text, start, end);
    if (span !== undefined) windows.push(span);
    if (end >= block.end) break;
    reached = end;
    start = nextStart(text, start, end, measure);
    while (isSpace(text, start)) start++;
  }
  return windows;
}

interface Window {
  readonly start: number;
  readonly limit: number;
  readonly reached: number;
  readonly lined: boolean;
}

/** A border in the second half of the window, beyond what the last window reached; else a hard cut. */
function windowEnd(text: string, { start, limit, reached, lined }: Window, measure: ChunkMeasure): number {
  const hard = measure.reach(start);
  if (hard >= limit) return limit;
  const least = Math.max(start + Math.ceil((hard - start) / 2), reached);
  if (lined) for (let at = hard; at > least; at--) if (isLineBreak(text, at)) return at;
  for (let at = hard; at > least; at--) if (isSpace(text, at) && /[.!?。！？…]/u.test(text.charAt(at - 1))) return at;
  for (let at = hard; at > least; at--) if (isSpace(text, at)) return at;
  return wholeCharacter(text, start, hard, limit);
}

function isLineBreak(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 10 || code === 13;
}

/** The window after this one starts at the first word in what both share, and always further on. */
function nextStart(text: string, start: number, end: number, measure: ChunkMeasure): number {
  const earliest = Math.max(measure.back(end), start + 1);
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
