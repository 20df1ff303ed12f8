/** The pages that a piece of a text stands on, from 1. */
export interface PageSpan {
  readonly first: number;
  readonly last: number;
  /** Where each page after the first begins, as offsets of the whole text; a page without text begins where the next does. */
  readonly breaks: readonly number[];
}

/** Where a page begins in a text. */
export interface PageMark {
  readonly at: number;
  readonly page: number;
}

/** The pages from `start` to `end` of a text with these marks; undefined where it has none. */
export function pagesOf(marks: readonly PageMark[], start: number, end: number): PageSpan | undefined {
  const first = marks.findLast(({ at }) => at <= start);
  const last = marks.findLast(({ at }) => at < end);
  if (first === undefined || last === undefined) return undefined;
  const breaks: number[] = [];
  for (let page = first.page + 1; page <= last.page; page += 1)
    breaks.push(marks.find((mark) => mark.at > start && mark.page >= page)?.at ?? last.at);
  return { first: first.page, last: last.page, breaks };
}

/** The pages of a part of the piece. */
export function pagesWithin({ first, breaks }: PageSpan, start: number, end: number): { first: number; last: number } {
  const before = (offset: number): number => first + breaks.filter((at) => at < offset).length;
  return { first: before(start + 1), last: Math.max(before(start + 1), before(end)) };
}
