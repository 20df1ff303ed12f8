import canonicalize from 'canonicalize';

/** A value that has no canonical JSON form; the message names the place, never the value. */
export class NotCanonical extends TypeError {
  constructor(message: string) {
    super(message);
    this.name = 'NotCanonical';
  }
}

const MAX_DEPTH = 200;

/**
 * The value as RFC 8785 canonical JSON. Throws `NotCanonical` for anything that JSON would drop or change: NaN,
 * infinities, undefined, lone surrogates, objects that are not plain, and nesting deeper than 200.
 */
export function canonicalJson(value: unknown): string {
  const problem = problemOf(value, 0);
  const text = problem === undefined ? printed(value) : undefined;
  if (text === undefined) throw new NotCanonical(`not canonical JSON: ${problem ?? 'no JSON form'}`);
  return text;
}

/** Where every object has its keys in order already, RFC 8785 asks for nothing that JSON.stringify does not do. */
function printed(value: unknown): string | undefined {
  return inOrder(value) ? JSON.stringify(value) : canonicalize(value);
}

function inOrder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(inOrder);
  let last = '';
  for (const key of Object.keys(value)) {
    if (key < last || !inOrder((value as Record<string, unknown>)[key])) return false;
    last = key;
  }
  return true;
}

function problemOf(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : 'a lone surrogate';
    case 'number':
      return Number.isFinite(value) ? undefined : 'a number that is not finite';
    case 'boolean':
      return undefined;
    case 'object':
      return value === null ? undefined : problemInside(value, depth);
    default:
      return typeof value;
  }
}

function problemInside(value: object, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return 'nested too deeply';
  if (Array.isArray(value)) return problemInArray(value, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return 'an object that is not plain';
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return 'an object with toJSON';
  for (const key of Object.keys(value)) {
    if (!key.isWellFormed()) return 'a key with a lone surrogate';
    const problem = problemOf((value as Record<string, unknown>)[key], depth + 1);
    if (problem !== undefined) return `${key}: ${problem}`;
  }
  return undefined;
}

function problemInArray(value: readonly unknown[], depth: number): string | undefined {
  // By index: iteration methods would skip the holes of a sparse array.
  for (let at = 0; at < value.length; at += 1) {
    const problem = problemOf(value[at], depth + 1);
    if (problem !== undefined) return `[${at}]: ${problem}`;
  }
  return undefined;
}
