import type { FastifyRequest } from 'fastify';

import { SYSTEM_TENANT } from '#domain/kernel/streams.js';

import { actorOf } from './caller.js';
import { userAgentOf } from './context.js';
import type { AccessContext } from './gates.js';

/** The path of a request as sent, without its query. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** What every access event says of its request. */
export function endpointCalled(request: FastifyRequest): { readonly path: string; readonly method: string } {
  return { path: pathOf(request), method: request.method };
}

/** Who makes a request, for the access log. */
export function accessContextOf(request: FastifyRequest): AccessContext {
  const { principal, requestId } = request.edge;
  return {
    tenantId: principal?.tenantId ?? SYSTEM_TENANT,
    actor: actorOf(principal),
    requestId,
    ipAddress: request.ip,
    userAgent: userAgentOf(request),
  };
}
