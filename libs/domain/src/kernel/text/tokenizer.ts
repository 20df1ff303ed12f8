import { Recent } from '../recent.js';
import { stem } from './stemmer.js';
import { stopwords } from './stopwords.js';

const ascii = /^[\x00-\x7f]*$/u;
/** What a word is found without, by where it stands in Unicode. */
const unseen = [
  // Accents.
  '\\u0300-\\u036f',
  // Soft hyphens, and spaces and joiners without width.
  '\\u00ad\\u200b\\u2060\\ufeff\\u200d',
  // Hebrew points.
  '\\u0591-\\u05bd\\u05bf\\u05c1\\u05c2\\u05c4\\u05c5\\u05c7',
  // Arabic vowel marks, and the line that stretches a word.
  '\\u064b-\\u0652\\u0656-\\u065f\\u0670\\u06d6-\\u06dc\\u06df-\\u06e4\\u06e7\\u06e8\\u06ea-\\u06ed\\u0640',
];
const ignored = new RegExp(unseen.map((marks) => `[${marks}]`).join('|'), 'gu');
const words = /[\p{L}\p{N}\p{M}]+(?:['’][\p{L}]+)*/gu;
/** The same where a text has no other letters and marks: most texts, at half the cost. */
const asciiWords = /[a-z0-9]+(?:'[a-z]+)*/g;
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]/u;
const plain = /^[\x00-\x7f]+$/u;

/** Lower case, compatibility forms (NFKC), without accents and what is not seen, so that "Ｃａｆé" and "cafe" are one word. */
export function fold(text: string): string {
  if (ascii.test(text)) return text.toLowerCase();
  return text.normalize('NFKD').replace(ignored, '').toLowerCase().normalize('NFKC');
}

/** The words of a text in order, folded; scripts that write no spaces give overlapping pairs of characters. */
export function tokenize(text: string): string[] {
  const folded = fold(text);
  if (ascii.test(folded)) {
    const found = folded.match(asciiWords) ?? [];
    return folded.includes("'") ? found.map(possessive) : found;
  }
  const tokens: string[] = [];
  for (const [match] of folded.matchAll(words)) {
    if (plain.test(match) || !unspaced.test(match)) tokens.push(possessive(match));
    else pushPairs(match, tokens);
  }
  return tokens;
}

interface ReadText {
  readonly terms: readonly string[];
  counts?: ReadonlyMap<string, number>;
}

/** Texts of late: what is embedded is counted for BM25 right after. */
const lately = new Recent<string, ReadText>(64);
const LONGEST_REMEMBERED = 16_384;

/** The index terms of a text: its words without English stop words, stemmed. A text of stop words alone keeps them. */
export function terms(text: string): readonly string[] {
  return read(text).terms;
}

/** How often each index term occurs in a text, in the order in which they first do. */
export function termCounts(text: string): ReadonlyMap<string, number> {
  const known = read(text);
  return (known.counts ??= counted(known.terms));
}

function read(text: string): ReadText {
  const known = lately.get(text);
  if (known !== undefined) return known;
  const found = { terms: termsIn(text) };
  if (text.length <= LONGEST_REMEMBERED) lately.set(text, found);
  return found;
}

function counted(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function termsIn(text: string): readonly string[] {
  const tokens = tokenize(text);
  const kept: string[] = [];
  for (const token of tokens) if (!stopwords.has(token)) kept.push(stem(token));
  return kept.length === 0 ? tokens.map(stem) : kept;
}

function possessive(word: string): string {
  if (!word.includes("'") && !word.includes('’')) return word;
  const apostrophe = word.search(/['’]/u);
  const tail = word.slice(apostrophe + 1);
  return tail === 's' ? word.slice(0, apostrophe) : word.replaceAll(/['’]/gu, '');
}

function pushPairs(run: string, tokens: string[]): void {
  const characters = Array.from(run);
  let latin = '';
  const flush = (): void => {
    if (latin !== '') tokens.push(latin);
    latin = '';
  };
  characters.forEach((character, at) => {
    if (!unspaced.test(character)) {
      latin += character;
      return;
    }
    flush();
    const next = characters[at + 1];
    const previous = characters[at - 1];
    if (next !== undefined && unspaced.test(next)) tokens.push(character + next);
    else if (previous === undefined || !unspaced.test(previous)) tokens.push(character);
  });
  flush();
}
