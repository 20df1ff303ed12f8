import type { FastifyReply, FastifyRequest } from 'fastify';

import type { AccessEvent } from '#domain/capabilities/access/access.events.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';

import { accessContextOf, endpointCalled, pathOf } from './access.js';
import { limited } from './admission.js';
import { userAgentOf } from './context.js';
import type { AccessContext } from './gates.js';
import type { PipelineDeps } from './pipeline.js';
import type { EndpointPolicy, StepRun } from './policy.js';
import { CredentialRefused, TooManyFailures } from './principal.js';
import type { AuthAttempt, Principal, RefusedCredential } from './principal.js';

function attemptOf(request: FastifyRequest): AuthAttempt {
  return {
    headers: request.headers,
    ip: request.ip,
    method: request.method,
    path: pathOf(request),
    requestId: request.edge.requestId,
    userAgent: userAgentOf(request),
  };
}

/** Gate 1: who calls. A success is recorded in the background, a failure before its answer. */
export function authenticate(policy: EndpointPolicy, deps: PipelineDeps): StepRun | undefined {
  const optional = policy.credential === 'optional';
  if (policy.role === 'public' && !optional) return undefined;
  const proved = (request: FastifyRequest, principal: Principal): void => {
    request.edge.principal = principal;
    const { subjectId: userId, authMethod: authMode } = principal;
    const data = { path: pathOf(request), method: request.method, userId, authMode };
    deps.access?.record({ type: 'RequestAuthenticated', data }, accessContextOf(request));
    deps.authenticator.used?.(principal);
  };
  return (request, reply) => {
    if (optional && request.headers.authorization === undefined) return undefined;
    try {
      const found = deps.authenticator.authenticate(attemptOf(request));
      if (!(found instanceof Promise)) return proved(request, found);
      return found.then(
        (principal) => proved(request, principal),
        (error: unknown) => refuse(policy, deps, request, reply, error),
      );
    } catch (error) {
      return refuse(policy, deps, request, reply, error);
    }
  };
}

async function refuse(
  policy: EndpointPolicy,
  deps: PipelineDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
): Promise<never> {
  if (error instanceof TooManyFailures)
    return limited(policy, deps, request, reply, { scope: 'address', retryAfterMs: error.retryAfterMs });
  if (!(error instanceof CatalogueError)) throw error;
  const refused = error instanceof CredentialRefused ? error.refused : {};
  const event = eventOf(request, error, refused);
  const who = { ...accessContextOf(request), ...refusedBy(refused) };
  // What cannot be checked cannot be written down either, and the caller shall not wait for that.
  if (refused.unavailable === true) deps.access?.record(event, who);
  else await deps.access?.recorded(event, who);
  throw error;
}

function eventOf(
  request: FastifyRequest,
  { row }: CatalogueError,
  { expired = false, inactiveDaysThreshold }: RefusedCredential,
): AccessEvent {
  const data = { ...endpointCalled(request), code: row.code, count: 1, windowSeconds: 0 };
  if (expired) return { type: 'ExpiredApiKeyRefused', data };
  const threshold = inactiveDaysThreshold === undefined ? {} : { inactiveDaysThreshold };
  return { type: 'AuthenticationRefused', data: { ...data, ...threshold } };
}

function refusedBy({ who, unavailable = false }: RefusedCredential): Pick<AccessContext, 'tenantId' | 'actor'> {
  if (who !== undefined) return who;
  return { tenantId: SYSTEM_TENANT, actor: { type: unavailable ? 'system' : 'anonymous', id: null, role: null } };
}
