import { Recent } from '../recent.js';

const letters = /^[a-z]{3,30}$/u;
const memo = new Recent<string, string>(50_000);

/** The stem of a folded English word by Porter's rules (1980); any other word is its own stem. */
export function stem(word: string): string {
  const known = memo.get(word);
  if (known !== undefined) return known;
  if (!letters.test(word)) return word;
  const result = porter(word);
  memo.set(word, result);
  return result;
}

type Rule = readonly [suffix: string, replacement: string];

const step2: readonly Rule[] = [
  ['ational', 'ate'],
  ['ization', 'ize'],
  ['iveness', 'ive'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['tional', 'tion'],
  ['biliti', 'ble'],
  ['entli', 'ent'],
  ['ousli', 'ous'],
  ['ation', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['iviti', 'ive'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['izer', 'ize'],
  ['abli', 'able'],
  ['alli', 'al'],
  ['ator', 'ate'],
  ['eli', 'e'],
];
const step3: readonly Rule[] = [
  ['icate', 'ic'],
  ['ative', ''],
  ['alize', 'al'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ness', ''],
  ['ful', ''],
];
const step4 = [
  'ement',
  'ance',
  'ence',
  'able',
  'ible',
  'ment',
  'sion',
  'tion',
  'ant',
  'ent',
  'ism',
  'ate',
  'iti',
  'ous',
  'ive',
  'ize',
  'al',
  'er',
  'ic',
  'ou',
];

function porter(word: string): string {
  let stemmed = plural(word);
  stemmed = pastTense(stemmed);
  if (stemmed.endsWith('y') && hasVowel(stemmed.slice(0, -1))) stemmed = `${stemmed.slice(0, -1)}i`;
  stemmed = replaced(stemmed, step2);
  stemmed = replaced(stemmed, step3);
  return finalE(withoutSuffix(stemmed));
}

function plural(word: string): string {
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2);
  if (word.endsWith('s') && !word.endsWith('ss')) return word.slice(0, -1);
  return word;
}

function pastTense(word: string): string {
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const [base] = /^.*(?=ed$|ing$)/u.exec(word) ?? [''];
  return hasVowel(base) ? repaired(base) : word;
}

/** What a lost ending has left, as a word: "hopp" is "hop", "fil" is "file". */
function repaired(base: string): string {
  if (/(?:at|bl|iz)$/u.test(base)) return `${base}e`;
  if (/([^aeiouylsz])\1$/u.test(base)) return base.slice(0, -1);
  return measure(base) === 1 && endsShort(base) ? `${base}e` : base;
}

function replaced(word: string, rules: readonly Rule[]): string {
  for (const [suffix, replacement] of rules) {
    if (!word.endsWith(suffix)) continue;
    const base = word.slice(0, -suffix.length);
    return measure(base) > 0 ? base + replacement : word;
  }
  return word;
}

function withoutSuffix(word: string): string {
  for (const suffix of step4) {
    if (!word.endsWith(suffix)) continue;
    const ion = suffix === 'sion' || suffix === 'tion';
    const base = word.slice(0, ion ? -3 : -suffix.length);
    return measure(base) > 1 ? base : word;
  }
  return word;
}

function finalE(word: string): string {
  let result = word;
  if (result.endsWith('e')) {
    const base = result.slice(0, -1);
    if (measure(base) > 1 || (measure(base) === 1 && !endsShort(base))) result = base;
  }
  return result.endsWith('ll') && measure(result) > 1 ? result.slice(0, -1) : result;
}

function isConsonant(word: string, at: number): boolean {
  const letter = word[at];
  if (letter === 'a' || letter === 'e' || letter === 'i' || letter === 'o' || letter === 'u') return false;
  return letter !== 'y' || at === 0 || !isConsonant(word, at - 1);
}

/** How many times a vowel run is followed by a consonant run. */
function measure(word: string): number {
  let runs = 0;
  let vowel = false;
  for (let at = 0; at < word.length; at++) {
    const consonant = isConsonant(word, at);
    if (consonant && vowel) runs++;
    vowel = !consonant;
  }
  return runs;
}

function hasVowel(word: string): boolean {
  for (let at = 0; at < word.length; at++) if (!isConsonant(word, at)) return true;
  return false;
}

function endsShort(word: string): boolean {
  const last = word.length - 1;
  if (last < 2) return false;
  return (
    isConsonant(word, last) && !isConsonant(word, last - 1) && isConsonant(word, last - 2) && !/[wxy]$/u.test(word)
  );
}
