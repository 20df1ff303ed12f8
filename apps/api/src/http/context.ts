import type { FastifyReply, FastifyRequest } from 'fastify';

import { wellFormedTrace } from '#infra/telemetry/log-scope.js';
import type { Span } from '#infra/telemetry/tracing.js';

import type { Admitted } from './gates.js';
import type { IdempotencyClaim } from './idempotency-port.js';
import type { CompiledEndpoint } from './policy.js';
import type { Principal } from './principal.js';
import { isLegacy } from './legacy.js';
import type { UploadedFile } from './upload.js';

/** What the edge knows of one request; made before routing, filled by the pipeline. */
export interface Edge {
  readonly requestId: string;
  /** True for an address without /v1, served by the same endpoint. */
  readonly legacy: boolean;
  readonly startedAt: number;
  principal: Principal | undefined;
  admitted: Admitted | undefined;
  claim: IdempotencyClaim | undefined;
  upload: UploadedFile | undefined;
  span: Span | undefined;
  answered: boolean;
  /** Whether errors have the form of the OpenAI API where no endpoint says so. */
  openAi: boolean;
  /** Running until the request must be answered. */
  deadline: NodeJS.Timeout | undefined;
  /** The deadline has answered; the handler may still be at work. */
  expired: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    edge: Edge;
  }
}

/** The edge's state of a request, made at its first use: some refusals come before any hook. */
export function edgeOf(request: FastifyRequest): Edge {
  const existing = request.edge as Edge | null | undefined;
  if (existing !== null && existing !== undefined) return existing;
  request.edge = {
    requestId: request.id,
    legacy: isLegacy(request.originalUrl),
    startedAt: performance.now(),
    principal: undefined,
    admitted: undefined,
    claim: undefined,
    upload: undefined,
    span: undefined,
    answered: false,
    openAi: false,
    deadline: undefined,
    expired: false,
  };
  return request.edge;
}

/** The trace context to hand on: this request's own span, else the caller's if it is well-formed. */
export function traceOf(request: FastifyRequest): string | undefined {
  return edgeOf(request).span?.traceparent ?? wellFormedTrace(request.headers['traceparent']);
}

/** The endpoint that a request reached; undefined when the address has none. */
export function endpointOf(request: FastifyRequest): CompiledEndpoint | undefined {
  // Requests that the router refuses before routing have no route options.
  return (request.routeOptions as FastifyRequest['routeOptions'] | undefined)?.config.endpoint;
}

export function userAgentOf(request: FastifyRequest): string | null {
  return request.headers['user-agent']?.slice(0, 512) ?? null;
}

/** Whether an answer was begun by someone else: a stream, a replay, a client that left. */
export function isAnswered(reply: FastifyReply): boolean {
  return reply.sent || reply.raw.headersSent || reply.request.edge.answered;
}
