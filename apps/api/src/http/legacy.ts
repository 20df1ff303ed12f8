import type { FastifyReply } from 'fastify';

/** The date that was published for the end of routes without a version. */
export const SUNSET = 'Sun, 10 May 2026 00:00:00 GMT';

const NOT_LEGACY = ['/v1', '/docs', '/openapi.json', '/redoc', '/api/'];

/** Whether an address is one of the old ones, without /v1. */
export function isLegacy(url: string): boolean {
  const path = url.split('?', 1)[0] ?? '';
  if (path === '/' || path === '') return false;
  return !NOT_LEGACY.some((prefix) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
}

/** The headers of every answer to a legacy address, 404 included. */
export function setLegacyHeaders(reply: FastifyReply): void {
  reply.header('deprecation', 'true');
  reply.header('sunset', SUNSET);
  reply.header('link', '</v1/docs>; rel="successor-version"');
}
