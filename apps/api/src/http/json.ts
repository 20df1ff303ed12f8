/** Postgres has no place for U+0000 in a text. */
export function hasNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0');
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, inner]) => key.includes('\0') || hasNul(inner));
}

/** Half a surrogate pair has no UTF-8: it becomes U+FFFD, as bytes that are no UTF-8 do. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(wellFormed);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]));
}

function hasPrototypeKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasPrototypeKey);
}

const MAX_DEPTH = 64;

const QUOTE = 34;
const BACKSLASH = 92;
const DEPTH_CHANGE: Readonly<Record<number, number>> = { 91: 1, 123: 1, 93: -1, 125: -1 };

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
  return text.length;
}

/** Counts open brackets outside strings, before parsing, so that deep nesting can not exhaust the stack. */
function tooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else depth += DEPTH_CHANGE[code] ?? 0;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/** Only escapes bring halves of surrogate pairs into JSON. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

export const NUL = 'holds the character U+0000';

/**
 * Parses the JSON of a caller, wherever it came in. `refused` makes the error of what is malformed, too deep, or carries
 * U+0000 or `__proto__`.
 */
export function parseJson(text: string, refused: (reason: string) => Error): unknown {
  if (tooDeep(text)) throw refused(`is nested deeper than ${MAX_DEPTH} levels`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refused('is not valid JSON');
  }
  if (text.includes('\\u0000') && hasNul(parsed)) throw refused(NUL);
  if (text.includes('__proto__') && hasPrototypeKey(parsed)) throw refused('holds a forbidden field');
  return SURROGATE_ESCAPE.test(text) ? wellFormed(parsed) : parsed;
}
