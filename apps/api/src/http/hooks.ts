import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';
import { withLogScope } from '#infra/telemetry/log-scope.js';
import type { Metrics } from '#infra/telemetry/metrics.js';
import type { Span, Tracing } from '#infra/telemetry/tracing.js';

import { accessContextOf, endpointCalled } from './access.js';
import { setSecurityHeaders } from './browser-headers.js';
import type { OriginPolicy } from './browser-headers.js';
import { edgeOf, endpointOf, isAnswered, traceOf } from './context.js';
import { startDeadline, stopDeadline } from './deadline.js';
import { endClaim } from './error-answer.js';
import { httpErrors } from './errors.js';
import type { AccessLog } from './gates.js';
import { setLegacyHeaders } from './legacy.js';
import type { CompiledEndpoint, StepRun } from './policy.js';

export interface HookOptions {
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
  readonly legacyRoutes: 'serve' | 'gone';
  readonly origins: OriginPolicy;
  readonly requestTimeoutMs: number;
  readonly access?: AccessLog | undefined;
  /** Answers what no endpoint takes. */
  readonly unmatched: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
}

/** Runs steps in order; stays synchronous as long as they are, because most requests need no waiting. */
function runSteps(
  steps: readonly StepRun[],
  from: number,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> | undefined {
  for (let at = from; at < steps.length; at += 1) {
    const pending = steps[at]?.(request, reply);
    if (pending instanceof Promise)
      return pending.then(() => (isAnswered(reply) ? undefined : runSteps(steps, at + 1, request, reply)));
    if (isAnswered(reply)) return undefined;
  }
  return undefined;
}

type Done = (error?: Error) => void;

function gate(steps: readonly StepRun[], request: FastifyRequest, reply: FastifyReply, done: Done): void {
  let pending: Promise<void> | undefined;
  try {
    pending = runSteps(steps, 0, request, reply);
  } catch (error) {
    done(error as Error);
    return;
  }
  const pass = (): void => {
    if (!isAnswered(reply)) {
      done();
      return;
    }
    request.edge.admitted?.giveBack();
    // Claimed after the deadline had answered: nothing has run under it.
    void endClaim(request, 408);
  };
  if (pending === undefined) pass();
  else pending.then(pass, done);
}

/** From here on the handler runs, and the request's quota units are used. */
function enterHandler(request: FastifyRequest, error: Error | undefined, done: Done): void {
  if (error === undefined && endpointOf(request)?.policy.settlesUnits !== true) request.edge.admitted?.served();
  done(error);
}

/** True when a legacy address was refused here. */
function refuseLegacy(
  endpoint: CompiledEndpoint,
  request: FastifyRequest,
  reply: FastifyReply,
  options: HookOptions,
  done: Done,
): boolean {
  if (!request.edge.legacy) return false;
  if (endpoint.policy.legacy === false) {
    done(new CatalogueError(httpErrors.notFound));
    return true;
  }
  if (options.legacyRoutes === 'serve') return false;
  const path = request.url.split('?', 1)[0] ?? '';
  reply.header('link', `<${path}>; rel="successor-version"`);
  done(new CatalogueError(httpErrors.legacyGone, { successor: path }));
  return true;
}

function startSpan(tracing: Tracing, request: FastifyRequest): Span {
  const { traceparent } = request.headers;
  const route = endpointOf(request)?.url ?? 'unmatched';
  return tracing.start(`${request.method} ${route}`, {
    traceparent: typeof traceparent === 'string' ? traceparent : null,
    kind: 'server',
    attributes: { 'http.request.method': request.method, 'http.route': route, 'request.id': request.id },
  });
}

/** Characters of an address with its query; nothing that we answer needs as many. */
const LONGEST_URL = 8_192;

/** Whether a part of the address that names something is empty: the router takes `/things/` for `/things/:id`. */
function namesNothing(params: unknown): boolean {
  for (const value of Object.values(params as Record<string, string>)) if (value === '') return true;
  return false;
}

function onRequest(options: HookOptions): (request: FastifyRequest, reply: FastifyReply, done: Done) => void {
  return (request, reply, done) => {
    const edge = edgeOf(request);
    reply.header('x-request-id', edge.requestId);
    setSecurityHeaders(request, reply);
    options.origins.set(request, reply);
    if (edge.legacy) setLegacyHeaders(reply);
    startDeadline(request, reply, options.requestTimeoutMs);
    options.metrics.requestsInFlight.inc();
    if (options.tracing !== undefined) edge.span = startSpan(options.tracing, request);
    const traceparent = traceOf(request);
    if (traceparent !== undefined) reply.header('traceparent', traceparent);
    withLogScope({ request_id: edge.requestId, ...(traceparent === undefined ? {} : { traceparent }) }, () => {
      const endpoint = endpointOf(request);
      if (request.originalUrl.length > LONGEST_URL) done(new CatalogueError(httpErrors.uriTooLong));
      // Before its body is read: nobody has asked for that.
      else if (endpoint === undefined || namesNothing(request.params)) options.unmatched(request, reply).catch(done);
      else if (!refuseLegacy(endpoint, request, reply, options, done)) gate(endpoint.onHeaders, request, reply, done);
    });
  };
}

/** A read that is itself worth remembering, once it has been answered. */
function recordView(request: FastifyRequest, reply: FastifyReply, access: AccessLog | undefined): void {
  const view = endpointOf(request)?.policy.view;
  if (view === undefined || reply.statusCode >= 300) return;
  access?.record({ type: view, data: endpointCalled(request) }, accessContextOf(request));
}

function onResponse(options: HookOptions): (request: FastifyRequest, reply: FastifyReply, done: Done) => void {
  return (request, reply, done) => {
    const { metrics } = options;
    stopDeadline(request);
    discardUpload(request);
    const { principal, startedAt, span } = edgeOf(request);
    const millis = performance.now() - startedAt;
    const endpoint = endpointOf(request);
    const route = endpoint?.url ?? 'unmatched';
    metrics.requestsInFlight.dec();
    recordView(request, reply, options.access);
    span?.end({ failed: reply.statusCode >= 500, attributes: { 'http.response.status_code': reply.statusCode } });
    metrics.answered({
      method: request.method,
      route,
      status: String(reply.statusCode),
      seconds: endpoint?.policy.stream === true ? undefined : millis / 1000,
    });
    request.log.info(
      {
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(millis * 100) / 100,
        tenant_id: principal?.tenantId,
        request_id: request.id,
      },
      'request',
    );
    done();
  };
}

/** What was uploaded is needed until the answer, and no longer. */
function discardUpload(request: FastifyRequest): void {
  edgeOf(request)
    .upload?.discard()
    .catch((error: unknown) => request.log.warn({ err: error }, 'an upload was not let go'));
}

/** Body parsing and the hooks that run the pipeline. JSON stays bytes until the caller is known. */
export function installHooks(fastify: FastifyInstance, options: HookOptions): void {
  fastify.removeAllContentTypeParsers();
  const keepBytes = (_: FastifyRequest, body: Buffer, done: (error: Error | null, body?: Buffer) => void): void =>
    done(null, body);
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, keepBytes);
  fastify.addContentTypeParser(/^application\/[\w.-]+\+json/, { parseAs: 'buffer' }, keepBytes);
  fastify.addHook('onRequest', onRequest(options));
  fastify.addHook('preHandler', (request, reply, done) => {
    const endpoint = endpointOf(request);
    if (endpoint === undefined) done();
    else gate(endpoint.onBody, request, reply, (error) => enterHandler(request, error, done));
  });
  fastify.addHook('onRequestAbort', (request, done) => {
    stopDeadline(request);
    edgeOf(request).admitted?.giveBack();
    discardUpload(request);
    done();
  });
  fastify.addHook('onResponse', onResponse(options));
}
