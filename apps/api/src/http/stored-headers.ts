import type { FastifyReply } from 'fastify';

/** Headers that belong to one connection or one delivery, not to the answer. */
const NOT_STORED = new Set(['connection', 'keep-alive', 'date', 'transfer-encoding', 'content-length']);

/** The headers so far that belong to the answer, and are repeated with it. */
export function storedHeaders(reply: FastifyReply): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined && !NOT_STORED.has(name) && !name.startsWith('access-control-'))
      headers[name] = Array.isArray(value) ? value.join(', ') : String(value);
  return headers;
}
