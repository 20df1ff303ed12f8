import type { FastifyRequest } from 'fastify';

import type { Actor } from '#domain/kernel/events.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';

import { userAgentOf } from './context.js';
import type { AccessContext } from './gates.js';
import type { Principal } from './principal.js';

const ACTOR_TYPE = {
  api_key: 'api_key',
  sso_session: 'sso_session',
  dev_bypass: 'system',
  operator: 'system',
} as const;

export function actorOf(principal: Principal | undefined): Actor {
  if (principal === undefined) return { type: 'anonymous', id: null, role: null };
  return { type: ACTOR_TYPE[principal.authMethod], id: principal.apiKeyId, role: principal.role };
}

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
