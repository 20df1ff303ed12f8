import type { Chunk } from '#domain/kernel/text/chunker.js';
import type { PageSpan } from '#domain/kernel/text/page-span.js';

/** The columns of a chunk that say on which pages it stands; null where its document has none, or had none when it was indexed. */
export interface PageColumns {
  readonly page_start: number | null;
  readonly page_end: number | null;
  readonly page_breaks: readonly number[] | null;
}

/** The pages of a stored chunk. */
export function storedPages({ page_start, page_end, page_breaks }: PageColumns): PageSpan | null {
  return page_start === null ? null : { first: page_start, last: page_end ?? page_start, breaks: page_breaks ?? [] };
}

/** The columns of many chunks, as arrays that a statement unnests: first pages, last pages, breaks. */
export function pageColumns(chunks: readonly Pick<Chunk, 'pages'>[]) {
  return [
    chunks.map(({ pages }) => pages?.first ?? null),
    chunks.map(({ pages }) => pages?.last ?? null),
    chunks.map(({ pages }) => (pages === undefined ? null : `{${pages.breaks.join(',')}}`)),
  ] as const;
}
