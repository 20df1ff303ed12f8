import { estimatedTokens } from '#domain/kernel/text/tokens.js';
import type { Answer, AnswerOptions, AnswerPart, Citation } from './answerer.js';

type Bounds = Pick<AnswerOptions, 'maxOutputTokens' | 'stop'>;

/** What of an answer may be told so far, and whether that is all of it. */
interface Told {
  readonly text: string;
  readonly end: 'stop' | 'length' | undefined;
}

/**
 * Ends an answer before the first stop sequence, and at the most tokens, counted by rule, whatever whoever answers does. Of its
 * citations those stay whose markers it still has.
 */
export async function* bounded(parts: AsyncIterable<AnswerPart>, bounds: Bounds): AsyncIterable<AnswerPart> {
  if (bounds.maxOutputTokens === undefined && (bounds.stop ?? []).length === 0) {
    yield* parts;
    return;
  }
  let given = '';
  let told: Told = { text: '', end: undefined };
  for await (const part of parts) {
    const last = 'final' in part;
    given = last ? part.final.text : given + part.delta;
    const now = told.end === undefined ? noShorter(withinBounds(given, bounds, last), told) : told;
    if (now.text.length > told.text.length) yield { delta: now.text.slice(told.text.length) };
    told = now;
    // What the model says after its end is not told, but its citations are in its last word.
    if (last) yield { final: cut(part.final, now) };
  }
}

/** A word that was told in part is told no shorter. */
function noShorter(now: Told, before: Told): Told {
  return now.text.length < before.text.length ? { ...now, text: before.text } : now;
}

function withinBounds(given: string, { maxOutputTokens = Infinity, stop = [] }: Bounds, whole: boolean): Told {
  const stopped = stop.map((each) => given.indexOf(each)).filter((at) => at >= 0);
  const at = stopped.length === 0 ? given.length : Math.min(...stopped);
  const text = given.slice(0, at);
  if (estimatedTokens([text]) > maxOutputTokens) return { text: shortened(text, maxOutputTokens), end: 'length' };
  if (stopped.length > 0) return { text, end: 'stop' };
  if (whole) return { text, end: undefined };
  return { text: text.slice(0, text.length - begunStop(text, stop)), end: undefined };
}

/** How many of the last characters may be the beginning of a stop sequence. */
function begunStop(text: string, stop: readonly string[]): number {
  const lengths = stop.flatMap((each) =>
    Array.from({ length: each.length }, (_, at) => at).filter((n) => text.endsWith(each.slice(0, n))),
  );
  return Math.max(0, ...lengths);
}

/** As many whole words as the tokens allow, and at least the first characters. */
function shortened(text: string, tokens: number): string {
  let kept = '';
  for (const [piece] of text.matchAll(/\s*\S+/gu)) {
    if (estimatedTokens([kept + piece]) > tokens) break;
    kept += piece;
  }
  return kept === '' ? [...text].slice(0, tokens * 4).join('') : kept;
}

function cut(answer: Answer, { text, end }: Told): Answer {
  if (end === undefined) return answer;
  const markers = [...text.matchAll(/\[(\d{1,3})\]/g)].map(([, marker]) => Number(marker));
  // The n-th citation has the marker n, so that only those at the end can go.
  const citations: readonly Citation[] = answer.citations.slice(0, Math.max(0, ...markers));
  const { tokens } = answer;
  // What a provider counted was said, though it is not told.
  const told = tokens.estimated ? { ...tokens, output: estimatedTokens([text]) } : tokens;
  const finishReason = answer.finishReason === 'refused' ? answer.finishReason : end;
  return { ...answer, text, citations, tokens: told, finishReason };
}
