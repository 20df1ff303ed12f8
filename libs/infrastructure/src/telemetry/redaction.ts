import { redactText } from '#domain/kernel/redaction.js';

export { redactText } from '#domain/kernel/redaction.js';

/** Fields that are never written, wherever they stand. Exact names, so that `max_output_tokens` stays readable. */
const SECRET_KEYS = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'password',
  'secret',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'api_key',
  'apikey',
  'x-api-key',
  'private_key',
  'client_secret',
  'master_key',
  'database_url',
  'redis_url',
]);

const MAX_DEPTH = 6;

function printsItself(value: object): value is { toJSON: () => unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const code = (error as { code?: unknown }).code;
  return {
    type: name,
    message: redactText(message),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(typeof code === 'string' ? { code } : {}),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  };
}

/** A copy of a value that is safe to log: secret fields and credentials in texts are replaced, deep values cut. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (printsItself(value)) return redact(value.toJSON(), depth + 1);
  const shown = Object.entries(value).map(([key, inner]) => [
    key,
    SECRET_KEYS.has(key.toLowerCase()) && inner !== undefined ? '***' : redact(inner, depth + 1),
  ]);
  return Object.fromEntries(shown) as unknown;
}
