import { createRequire } from 'node:module';
import type { TokenEnds } from '#domain/kernel/text/chunk-measure.js';

type Encoding = typeof import('gpt-tokenizer/encoding/o200k_base');

let encoding: Encoding | undefined;

/** Where the tokens of the encoding `o200k_base` end. Its tables are loaded when somebody first asks. */
export const tokenEnds: TokenEnds = (text) => {
  encoding ??= createRequire(import.meta.url)('gpt-tokenizer/encoding/o200k_base') as Encoding;
  const ends: number[] = [];
  let end = 0;
  let open: number[] = [];
  for (const token of encoding.encode(text, { disallowedSpecial: new Set() })) {
    open.push(token);
    const part = encoding.decode(open);
    // A character that several tokens hold together ends with the last of them.
    if (part.includes('\ufffd') && !text.startsWith(part, end)) continue;
    end += part.length;
    ends.push(end);
    open = [];
  }
  if (end < text.length) ends.push(text.length);
  return ends;
};
