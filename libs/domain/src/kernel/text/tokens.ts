/** Characters (code points) that count as one token where no model says how many there were. */
const CHARACTERS_PER_TOKEN = 4;

/** How many tokens texts hold together, by rule: none in an empty text, else a quarter of its characters, and at least one. */
export function estimatedTokens(texts: Iterable<string>): number {
  let characters = 0;
  for (const text of texts) characters += codePoints(text);
  return characters === 0 ? 0 : Math.max(1, Math.floor(characters / CHARACTERS_PER_TOKEN));
}

function codePoints(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at += 1) {
    if ((text.codePointAt(at) ?? 0) <= 0xffff) continue;
    count -= 1;
    at += 1;
  }
  return count;
}
