import type { TokenCount } from './answerer.js';

/** What a provider says that it counted; it may say anything. */
export interface SaidCounts {
  readonly input: unknown;
  readonly cached: unknown;
  readonly output: unknown;
  readonly reasoning: unknown;
}

/** More than any model reads or writes, and as much as is kept of a count. */
const MOST_TOKENS = 2 ** 31 - 1;

/** The counts of a provider, where it told both what it read and what it wrote; a detail that is no count is none. */
export function countedTokens({
  input,
  cached,
  output,
  reasoning,
}: SaidCounts): Omit<TokenCount, 'estimated'> | undefined {
  if (!isCount(input) || !isCount(output)) return undefined;
  return { input, cached: partOf(input, cached), output, reasoning: partOf(output, reasoning) };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_TOKENS;
}

function partOf(whole: number, part: unknown): number {
  return isCount(part) ? Math.min(part, whole) : 0;
}
