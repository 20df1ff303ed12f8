import type { JsonObject } from '#domain/kernel/schema.js';

const clean = (text: string): string => text.replaceAll('\u0000', '\ufffd').toWellFormed();

function held(_: string, value: unknown): unknown {
  if (typeof value === 'string') return clean(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [clean(name), member]));
}

/** JSON as `jsonb` takes it: what that cannot hold (NUL, half a surrogate pair) becomes the replacement character. */
export function storable(said: JsonObject): string {
  return JSON.stringify(said, held);
}
