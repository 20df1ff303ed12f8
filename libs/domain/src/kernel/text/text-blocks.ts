import { trimSpan, type Span } from './sentences.js';

/** A paragraph, list, table or heading. */
export interface TextBlock extends Span {
  /** 1 to 6; 0 for what is no heading. */
  readonly level: number;
  /** Whether its lines are items or rows of their own. */
  readonly lined: boolean;
}

const blankLine = /(?:\r\n|\n|\r)[^\S\r\n]*(?:\r\n|\n|\r)\s*/gu;

/** The paragraphs of plain text. */
export function paragraphsOf(text: string): TextBlock[] {
  const found: TextBlock[] = [];
  let start = 0;
  const push = (end: number): void => {
    const span = trimSpan(text, start, end);
    if (span !== undefined) found.push({ ...span, level: 0, lined: false });
  };
  for (const match of text.matchAll(blankLine)) {
    push(match.index);
    start = match.index + match[0].length;
  }
  push(text.length);
  return found;
}

const lineEnd = /\r\n|\n|\r/gu;
const heading = /^ {0,3}(#{1,6})[^\S\r\n]+\S/u;
const fence = /^ {0,3}(?:```|~~~)/u;
const item = /^\s*(?:[-*+•]\s|\d{1,3}[.)]\s|\|)|\s\|\s/u;

/** The blocks of Markdown: as paragraphs, but each heading by itself, and nothing of code is a heading. */
export function blocksOf(text: string): TextBlock[] {
  const reader = new BlockReader(text);
  let at = 0;
  for (const match of text.matchAll(lineEnd)) {
    const next = match.index + match[0].length;
    reader.line(at, match.index, next);
    at = next;
  }
  reader.line(at, text.length, text.length);
  return reader.end();
}

function levelOf(line: string): number {
  return heading.exec(line)?.[1]?.length ?? 0;
}

class BlockReader {
  private readonly found: TextBlock[] = [];
  private start = 0;
  private items = 0;
  private fenced = false;

  constructor(private readonly text: string) {}

  line(at: number, end: number, next: number): void {
    const line = this.text.slice(at, end);
    const level = this.fenced ? 0 : levelOf(line);
    if (level > 0 || (!this.fenced && line.trim() === '')) this.push(at, 0);
    if (fence.test(line)) this.fenced = !this.fenced;
    else if (item.test(line)) this.items += 1;
    if (level > 0) this.push(next, level);
  }

  end(): TextBlock[] {
    this.push(this.text.length, 0);
    return this.found;
  }

  private push(end: number, level: number): void {
    const span = trimSpan(this.text, this.start, end);
    if (span !== undefined) this.found.push({ ...span, level, lined: this.items > 1 });
    this.items = 0;
    this.start = end;
  }
}
