/** How far chunks reach, in UTF-16 offsets of one text. */
export interface ChunkMeasure {
  /** The furthest end of a chunk that begins here; always beyond it. */
  reach(start: number): number;
  /** Where the next chunk begins at the earliest. */
  back(end: number): number;
}

/** Where each token of a text ends, in UTF-16 offsets, ascending; the last is the text's length. */
export type TokenEnds = (text: string) => readonly number[];

export function measureByCharacters(size: number, overlap: number): ChunkMeasure {
  return { reach: (start) => start + size, back: (end) => end - overlap };
}

/** Counts tokens as they lie in the whole text. */
export function measureByTokens(ends: readonly number[], size: number, overlap: number): ChunkMeasure {
  return {
    reach: (start) => ends[firstAfter(ends, start) + size - 1] ?? Math.max(start + 1, ends.at(-1) ?? 0),
    back: (end) => (overlap === 0 ? end : (ends[firstAfter(ends, end) - overlap - 1] ?? 0)),
  };
}

/** The index of the first end beyond the offset. */
function firstAfter(ends: readonly number[], offset: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
