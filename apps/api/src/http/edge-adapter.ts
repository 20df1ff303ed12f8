import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import { FastifyAdapter } from '@nestjs/platform-fastify';
import { StreamableFile } from '@nestjs/common';
import { LogController } from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyHttpOptions } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';
import type { ErrorRow } from '#domain/kernel/errors.js';
import type { Metrics } from '#infra/telemetry/metrics.js';
import type { Logger } from '#infra/telemetry/logger.js';
import type { Tracing } from '#infra/telemetry/tracing.js';

import { SECURITY_HEADERS } from './browser-headers.js';
import type { OriginPolicy } from './browser-headers.js';
import { endpointOf, isAnswered } from './context.js';
import { errorText, JSON_TYPE, successText } from './envelope.js';
import { endClaim, sendError } from './error-answer.js';
import { answerOf, httpErrors } from './errors.js';
import type { AccessLog } from './gates.js';
import { installHooks } from './hooks.js';
import { storedAnswer } from './idempotency.js';
import type { IdempotencyPort } from './idempotency-port.js';
import { isLegacy } from './legacy.js';
import { compileEndpoint } from './pipeline.js';
import type { PipelineDeps } from './pipeline.js';
import { requestIdFrom } from './request-id.js';
import { RouteTable } from './routing.js';
import { StreamRegistry } from './stream-registry.js';

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics;
    idempotency: IdempotencyPort | undefined;
    access: AccessLog | undefined;
  }
}

export interface EdgeOptions extends PipelineDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
  readonly maxRequestBytes: number;
  readonly requestTimeoutMs: number;
  readonly trustedProxies: readonly string[];
  readonly origins: OriginPolicy;
  readonly legacyRoutes: 'serve' | 'gone';
}

/** Addresses of files, which HEAD is answered for. */
const FILE = /^(?:\/v1)?\/audio\/[^/?]+\.mp3(?:\?|$)/;

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

const rowOfFault: Readonly<Record<string, ErrorRow>> = {
  ERR_HTTP_REQUEST_TIMEOUT: httpErrors.requestTimeout,
  HPE_HEADER_OVERFLOW: httpErrors.headersTooLarge,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: httpErrors.payloadTooLarge,
};

/** A client that is still sending would lose the answer to a reset: what it sends is thrown away for this long. */
const LINGER_MS = 1_000;

/** What is not HTTP at all, too large a head, or came too late: answered on the bare socket. */
function answerSocket(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const answer = answerOf(new CatalogueError(rowOfFault[error.code ?? ''] ?? httpErrors.badRequest));
  const requestId = requestIdFrom(undefined);
  const body = errorText(answer, requestId, false);
  const headers = {
    'content-type': JSON_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': requestId,
    ...SECURITY_HEADERS,
    connection: 'close',
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${answer.status} ${STATUS_TEXT[answer.status] ?? ''}\r\n${head.join('')}\r\n${body}`);
  socket.removeAllListeners('data').resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Endpoints that take documents may take more than others, up to the limit of uploads. */
function bodyLimit(endpointBytes: number, { maxRequestBytes, maxUploadBytes }: EdgeOptions): number {
  return Math.max(maxRequestBytes, Math.min(endpointBytes, maxUploadBytes));
}

function fastifyOptions(options: EdgeOptions): FastifyHttpOptions<Server> & { skipMiddie: true; multipart: false } {
  return {
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    // No child logger a request: the log scope brings the request id.
    childLoggerFactory: (logger) => logger,
    bodyLimit: options.maxRequestBytes,
    requestTimeout: options.requestTimeoutMs,
    // Node looks for late requests only this often.
    http: { connectionsCheckingInterval: Math.min(5_000, options.requestTimeoutMs / 2) },
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    exposeHeadRoutes: false,
    skipMiddie: true,
    multipart: false,
    requestIdHeader: false,
    genReqId: (raw) => requestIdFrom(raw.headers['x-request-id']),
    rewriteUrl: (raw) => {
      // A file is told of without its bytes: by now Node knows that this answer has no body.
      if (raw.method === 'HEAD' && FILE.test(raw.url ?? '')) raw.method = 'GET';
      // A fragment is no part of what is asked for; the router and we would cut it off at different places.
      const [url = '/'] = (raw.url ?? '/').split('#', 1);
      return isLegacy(url) ? `/v1${url}` : url;
    },
    routerOptions: { maxParamLength: 512 },
    clientErrorHandler: answerSocket,
    frameworkErrors: (error, request, reply) => void sendError(request, reply, error),
  };
}

/** Fastify under Nest, with our envelopes, errors and gates in place of both frameworks' own. */
export class EdgeAdapter extends FastifyAdapter {
  readonly routes = new RouteTable();
  readonly streams = new StreamRegistry();
  readonly #origins: OriginPolicy;

  constructor(options: EdgeOptions) {
    super(fastifyOptions(options));
    this.#origins = options.origins;
    const fastify = this.getInstance<FastifyInstance>();
    fastify.decorate('metrics', options.metrics);
    fastify.decorate('idempotency', options.idempotency);
    fastify.decorate('access', options.access);
    fastify.decorate('streams', this.streams);
    fastify.decorateRequest('edge', null as never);
    fastify.addHook('onRoute', (route) => {
      const policy = route.config?.policy;
      if (policy === undefined)
        throw new Error(`${String(route.method)} ${route.url} has no policy; declare it with @Endpoint`);
      const endpoint = compileEndpoint(policy, route.url, options);
      route.config = { ...route.config, endpoint };
      if (policy.maxBodyBytes !== undefined) route.bodyLimit = bodyLimit(policy.maxBodyBytes, options);
      this.routes.add(endpoint);
    });
    installHooks(fastify, { ...options, unmatched: (request, reply) => this.#unmatched(request, reply) });
    // Node would answer 417 by itself, without a request id; what a client expects of a proxy is not ours to refuse.
    fastify.server.on('checkExpectation', (request, response) => fastify.server.emit('request', request, response));
  }

  /** Wraps what a handler returned; a stream, or an answer that was given already, is left alone. */
  override reply(response: FastifyReply, body: unknown, statusCode?: number): FastifyReply {
    if (response.request.edge.expired) void endClaim(response.request, 503);
    if (isAnswered(response)) return response;
    const endpoint = endpointOf(response.request);
    if (endpoint === undefined || body instanceof StreamableFile || Buffer.isBuffer(body))
      return super.reply(response, body, statusCode);
    if (response.statusCode === 204) return this.#send(response, '');
    return endpoint.policy.bare === true ? this.#bare(response, body) : this.#enveloped(response, body);
  }

  #bare(reply: FastifyReply, body: unknown): FastifyReply {
    if (typeof body === 'string') return reply.send(body);
    return this.#send(reply.header('content-type', JSON_TYPE), JSON.stringify(body));
  }

  #enveloped(reply: FastifyReply, body: unknown): FastifyReply {
    reply.header('content-type', JSON_TYPE);
    return this.#send(reply, successText(reply.request, reply, body));
  }

  /** Stores the answer under its idempotency key before the client can see it. */
  #send(reply: FastifyReply, text: string): FastifyReply {
    const { claim } = reply.request.edge;
    const store = reply.server.idempotency;
    if (claim === undefined || store === undefined) return reply.send(text === '' ? undefined : text);
    reply.request.edge.claim = undefined;
    reply.request.edge.answered = true;
    const send = (): unknown => reply.send(text === '' ? undefined : text);
    // The command has taken effect: its answer is given also when it could not be kept, and a repeat finds the events.
    store.complete(claim, storedAnswer(reply, text)).then(send, (error: unknown) => {
      reply.request.log.warn({ err: error }, 'an answer could not be stored for its idempotency key');
      send();
    });
    return reply;
  }

  override setErrorHandler(): FastifyInstance {
    const fastify = this.getInstance<FastifyInstance>();
    return fastify.setErrorHandler((error, request, reply) => sendError(request, reply, error));
  }

  override setNotFoundHandler(): FastifyInstance {
    const fastify = this.getInstance<FastifyInstance>();
    return fastify.setNotFoundHandler((request, reply) => this.#unmatched(request, reply));
  }

  #unmatched(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    return this.routes.answerUnmatched(request, reply, this.#origins);
  }
}
