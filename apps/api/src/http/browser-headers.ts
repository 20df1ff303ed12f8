import type { FastifyReply, FastifyRequest } from 'fastify';

/** Tell browsers not to guess types, frame, leak addresses or share windows; harmless to everyone else. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Two years, the least that preload lists take. */
const HSTS = 'max-age=63072000; includeSubDomains';

/** Sets the security headers of an answer; the one about TLS only when the request came by it, as a trusted proxy says. */
export function setSecurityHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(SECURITY_HEADERS);
  if (request.protocol === 'https') reply.header('strict-transport-security', HSTS);
}

const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'Last-Event-ID',
  'X-Min-Position',
  'X-Request-Id',
  'traceparent',
].join(', ');

const EXPOSED_HEADERS = [
  'Deprecation',
  'Idempotency-Replayed',
  'Link',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Sunset',
  'X-Log-Position',
  'X-Projection-Lag',
  'X-Quota-Day-Limit',
  'X-Quota-Day-Remaining',
  'X-Quota-Day-Used',
  'X-Quota-HardCap-Mode',
  'X-Quota-Month-Limit',
  'X-Quota-Month-Remaining',
  'X-Quota-Month-Used',
  'X-Quota-SoftCap-Reached',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Retry-After-Ms',
  'X-RateLimit-Route-Class',
  'X-RateLimit-Scope',
  'X-RateLimit-Status',
  'X-Request-Id',
  'traceparent',
].join(', ');

/** Seconds for which a browser may keep the answer to a preflight. */
const PREFLIGHT_MAX_AGE = '600';

/** Which pages of other origins may call: those listed, each by its exact origin; no cookie is ever asked for or taken. */
export class OriginPolicy {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  #allows(request: FastifyRequest): boolean {
    const { origin } = request.headers;
    return origin !== undefined && this.#origins.has(origin);
  }

  /** For every answer: what a listed origin may read. Nothing at all while no origin is listed. */
  set(request: FastifyRequest, reply: FastifyReply): void {
    if (this.#origins.size === 0) return;
    reply.header('vary', 'Origin');
    if (!this.#allows(request)) return;
    reply
      .header('access-control-allow-origin', request.headers.origin)
      .header('access-control-expose-headers', EXPOSED_HEADERS);
  }

  /** Answers the preflight of a listed origin for one of the verbs; false for every other request. */
  answersPreflight(request: FastifyRequest, reply: FastifyReply, verbs: readonly string[]): boolean {
    const asked = request.headers['access-control-request-method'];
    if (request.method !== 'OPTIONS' || asked === undefined || !verbs.includes(asked) || !this.#allows(request))
      return false;
    reply
      .header('access-control-allow-methods', verbs.join(', '))
      .header('access-control-allow-headers', REQUEST_HEADERS)
      .header('access-control-max-age', PREFLIGHT_MAX_AGE);
    void reply.code(204).send();
    return true;
  }
}
