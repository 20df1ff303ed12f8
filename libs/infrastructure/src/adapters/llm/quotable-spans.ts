import { sentences } from '#domain/kernel/text/sentences.js';
import type { Span } from '#domain/kernel/text/sentences.js';

/** What may be quoted of a text: a sentence, or a record of a table such as `Thing: samovar; Metal: copper`. */
export interface QuotableSpan extends Span {
  readonly record: boolean;
}

const pair = /(?:^|; )([^:;\n]{1,80}): (?=\S)/gu;
const paragraph = /\S[^\n]*(?:\r?\n[^\S\n]*\S[^\n]*)*/gu;

/** The sentences of a text in order; a record is one, whatever stands in it. */
export function quotableSpans(text: string): readonly QuotableSpan[] {
  const paragraphs = [...text.matchAll(paragraph)].map((match) => {
    const start = match.index;
    const end = start + match[0].trimEnd().length;
    const line = text.slice(start, end);
    const names = line.includes('\n') ? [] : [...line.matchAll(pair)].map(([, name = '']) => name);
    return { start, end, names, begins: line.startsWith(`${names[0] ?? '\n'}: `) };
  });
  const firstNames = paragraphs.filter(({ begins }) => begins).map(({ names }) => names[0]);
  return paragraphs.flatMap(({ start, end, names, begins }): QuotableSpan[] => {
    // One pair alone may be a heading, unless the next row has the same column.
    const repeated = begins && firstNames.filter((name) => name === names[0]).length > 1;
    if (names.length > 1 || repeated) return [{ start, end, record: true }];
    return sentences(text, { start, end }).map((span) => ({ ...span, record: false }));
  });
}
