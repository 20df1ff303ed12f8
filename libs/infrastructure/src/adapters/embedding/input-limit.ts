import type { ModelFacts } from './models.js';

/** A text as it is sent. */
export interface FittedInput {
  readonly text: string;
  /** Exact where the model's words are known, else by rule and rather too many. */
  readonly tokens: number;
  readonly truncated: boolean;
}

const BYTES_PER_TOKEN = 3;

interface Tokenizer {
  readonly encode: (text: string) => number[];
  readonly decode: (tokens: Iterable<number>) => string;
}

let loading: Promise<Tokenizer> | undefined;

/** Some megabytes of ranks, which only who embeds very long inputs needs. */
function tokenizer(): Promise<Tokenizer> {
  loading ??= import('gpt-tokenizer/encoding/cl100k_base').then(({ encode, decode }) => ({
    // Text that looks like a control token is text.
    encode: (text) => encode(text, { disallowedSpecial: new Set() }),
    decode,
  }));
  return loading;
}

/** The last of the ordinary tokens of `cl100k_base`; control tokens come after. */
export const LAST_TOKEN = 100_255;

/** The text that tokens of `cl100k_base` spell, as clients of the OpenAI API count and cut their inputs. */
export async function textOfTokens(tokens: readonly number[]): Promise<string> {
  return (await tokenizer()).decode(tokens);
}

/** The text cut to what the model reads. A byte is at least no more than a token, so short texts are not counted word by word. */
export async function fitInput(text: string, { inputTokens, counted }: ModelFacts): Promise<FittedInput> {
  const bytes = Buffer.byteLength(text);
  const estimate = Math.ceil(bytes / BYTES_PER_TOKEN);
  if (bytes <= inputTokens) return { text, tokens: estimate, truncated: false };
  if (!counted)
    return estimate <= inputTokens ? whole(text, estimate) : cutTo(text, inputTokens / estimate, inputTokens);
  const { encode, decode } = await tokenizer();
  const tokens = encode(text);
  if (tokens.length <= inputTokens) return whole(text, tokens.length);
  const kept = decode(tokens.slice(0, inputTokens)).replace(/\uFFFD+$/u, '');
  return { text: kept, tokens: inputTokens, truncated: true };
}

/** The first part of a text, never half a character. */
export function firstPart(text: string, share: number): string {
  return text.slice(0, Math.max(1, Math.floor(text.length * share))).toWellFormed();
}

const whole = (text: string, tokens: number): FittedInput => ({ text, tokens, truncated: false });

function cutTo(text: string, share: number, tokens: number): FittedInput {
  return { text: firstPart(text, share), tokens, truncated: true };
}
