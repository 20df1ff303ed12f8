import type { Json } from './schema.js';

/** Credentials inside texts: our own keys and sessions, bearer values, and secrets in addresses. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/nrg(?:k|ss|scim|op)_[A-Za-z0-9_-]+/g, 'nrg***'],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, '$1 ***'],
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, '$1:***@'],
  [/([?&;](?:api_?key|(?:[a-z]+_)?token|(?:[a-z]+_)?secret|password|signature|sig)=)[^&\s#;]+/gi, '$1***'],
];

/** What every pattern needs to match at all; most texts have none of it. */
const MAY_HOLD_SECRET = /nrg|bearer|basic|:\/\/|=/i;

/** The text with each credential in it replaced. */
export function redactText(text: string): string {
  if (!MAY_HOLD_SECRET.test(text)) return text;
  return SECRET_TEXT.reduce((clean, [pattern, by]) => clean.replace(pattern, by), text);
}

const REDACTED = '[REDACTED]';
const SECRET_KEY = /api[_-]?key|authorization|token|secret|password|(?<!con)text|content/i;
/** Says something about a secret or a text, and not what it is: `content_type`, `api_key_id`. */
const ABOUT = /[_-](?:type|ids?|count|length|size|bytes|at|encoding)$/i;

/**
 * A copy of an audit event's metadata that shows no secret: texts and objects under a key that names one, and credentials
 * inside any other text. Numbers, booleans and null tell nothing and stay.
 */
export function redactMetadata(value: Json, key = ''): Json {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (SECRET_KEY.test(key) && !ABOUT.test(key)) return REDACTED;
  if (typeof value === 'string') return redactText(value);
  if (isList(value)) return value.map((item) => redactMetadata(item));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, redactMetadata(inner ?? null, name)]));
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
