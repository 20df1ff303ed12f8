/** A half-open range of UTF-16 offsets of the text it was cut from. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const border =
  /[.!?…]+["'”’)\]]*(?=\s)|[。！？]+["'”’)\]」』]*|\r?\n[^\S\r\n]*(?=\r?\n)|\r?\n(?=[^\S\r\n]*(?:[-*•#>|]|\d+[.)])\s?)/gu;
const abbreviation =
  /(?:^|[\s("'])(?:e\.g|i\.e|cf|vs|etc|al|fig|figs|eq|eqs|no|nos|vol|pp|ed|eds|dr|mr|mrs|ms|prof|st|inc|ltd|co|jr|sr|approx|[a-z])\.$/iu;

/** The sentences of a text as trimmed, non-empty spans in order; headings and list items count as sentences. */
export function sentences(text: string, within: Span = { start: 0, end: text.length }): Span[] {
  const found: Span[] = [];
  let start = within.start;
  const part = text.slice(within.start, within.end);
  for (const match of part.matchAll(border)) {
    const end = within.start + match.index + match[0].length;
    const next = text[end];
    if (match[0] === '.' && isAbbreviation(text, start, end)) continue;
    if (
      match[0].startsWith('.') &&
      next !== undefined &&
      /^\s+[a-z]/u.test(text.slice(end, end + 4)) &&
      match[0] !== '.'
    )
      continue;
    pushTrimmed(text, start, end, found);
    start = end;
  }
  pushTrimmed(text, start, within.end, found);
  return found;
}

/** The span without white space at its ends; undefined when nothing else is in it. */
export function trimSpan(text: string, start: number, end: number): Span | undefined {
  let from = start;
  let to = end;
  while (from < to && isSpace(text, from)) from++;
  while (to > from && isSpace(text, to - 1)) to--;
  return from < to ? { start: from, end: to } : undefined;
}

const space = /\s/u;

export function isSpace(text: string, at: number): boolean {
  return space.test(text.charAt(at));
}

function isAbbreviation(text: string, start: number, end: number): boolean {
  return abbreviation.test(text.slice(Math.max(start, end - 12), end));
}

function pushTrimmed(text: string, start: number, end: number, into: Span[]): void {
  const span = trimSpan(text, start, end);
  if (span !== undefined) into.push(span);
}
