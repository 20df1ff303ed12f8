import type { FastifyReply, FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';

import { accessContextOf, endpointCalled } from './access.js';
import { endpointOf } from './context.js';
import { httpErrors } from './errors.js';
import type { Admitted, QuotaState, RateDenial } from './gates.js';
import type { PipelineDeps } from './pipeline.js';
import type { EndpointPolicy, StepRun } from './policy.js';
import { mayActAs } from './principal.js';

/** Gate 3: takes from both rate buckets and reserves the quota units in one step; what the quota said is gate 7's. */
export function rateLimit(policy: EndpointPolicy, deps: PipelineDeps): StepRun | undefined {
  const { admission } = deps;
  const { role, rate: rateClass } = policy;
  if (role === 'public' || rateClass === 'none' || admission === undefined) return undefined;
  return (request, reply) => {
    const { principal } = request.edge;
    if (principal === undefined) return undefined;
    const reserves = policy.recovery !== true && mayActAs(principal.role, role);
    const route = `${policy.verb} ${endpointOf(request)?.url ?? policy.path}`;
    const found = admission.admit({ principal, rateClass, route, reserves });
    if (found instanceof Promise) return found.then((admitted) => enter(policy, deps, request, reply, admitted));
    return enter(policy, deps, request, reply, found);
  };
}

function enter(
  policy: EndpointPolicy,
  deps: PipelineDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  admitted: Admitted,
): Promise<void> | undefined {
  request.edge.admitted = admitted;
  reply.headers(admitted.rateHeaders);
  if (admitted.degraded) {
    const data = { ...endpointCalled(request), count: 1, windowSeconds: 0 };
    void deps.access?.recorded({ type: 'RateLimitDegraded', data }, accessContextOf(request));
  }
  return admitted.rateDenied === undefined ? undefined : limited(policy, deps, request, reply, admitted.rateDenied);
}

/** Answers 429 by what the limit said, once that is on record. */
export async function limited(
  policy: EndpointPolicy,
  { access }: PipelineDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  { scope, retryAfterMs }: RateDenial,
): Promise<never> {
  const { rate: routeClass } = policy;
  reply.header('x-ratelimit-scope', scope).header('x-ratelimit-route-class', routeClass);
  if (retryAfterMs !== null) reply.header('x-ratelimit-retry-after-ms', String(retryAfterMs));
  request.server.metrics.rateLimited.inc({ scope, route_class: routeClass });
  const details = { scope, route_class: routeClass, retry_after_ms: retryAfterMs };
  const { code } = httpErrors.rateLimited;
  const data = { ...endpointCalled(request), code, count: 1, windowSeconds: 0, scope, routeClass, retryAfterMs };
  await access?.recorded({ type: 'RequestRateLimited', data }, accessContextOf(request));
  throw new CatalogueError(httpErrors.rateLimited, details);
}

/** Gate 7: what the admission said of the quota. */
export function quota(policy: EndpointPolicy, deps: PipelineDeps): StepRun | undefined {
  if (policy.role === 'public' || policy.rate === 'none' || policy.recovery === true) return undefined;
  if (deps.admission === undefined) return undefined;
  return (request, reply) => {
    const { admitted } = request.edge;
    if (admitted === undefined) return undefined;
    reply.headers(admitted.quotaHeaders);
    if (admitted.quotaDenied !== undefined) return overQuota(deps, request, admitted.quotaDenied);
    if (admitted.overage !== undefined) {
      const data = { ...endpointCalled(request), count: 1, windowSeconds: 0, ...admitted.overage };
      void deps.access?.recorded({ type: 'QuotaOverageObserved', data }, accessContextOf(request));
    }
    return undefined;
  };
}

async function overQuota({ access }: PipelineDeps, request: FastifyRequest, state: QuotaState): Promise<never> {
  const { period, metric, used, limit } = state;
  request.server.metrics.quotaBlocked.inc({ period, metric });
  const { code } = httpErrors.quotaExceeded;
  const data = { ...endpointCalled(request), code, count: 1, windowSeconds: 0, period, metric, used, limit };
  await access?.recorded({ type: 'QuotaBlocked', data }, accessContextOf(request));
  const details = { period, metric, limit, used: Math.min(used, limit), remaining: 0 };
  throw new CatalogueError(httpErrors.quotaExceeded, details);
}
