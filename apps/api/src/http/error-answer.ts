import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { accessContextOf, endpointCalled } from './access.js';
import { setSecurityHeaders } from './browser-headers.js';
import { edgeOf, endpointOf } from './context.js';
import { errorText, JSON_TYPE } from './envelope.js';
import { answerOf, httpErrors } from './errors.js';
import type { Answer } from './errors.js';
import { setLegacyHeaders } from './legacy.js';
import { openAiError } from './openai-errors.js';

/** Of successes and of 402 only: a refused request gave its units back. */
const QUOTA_HEADERS = [
  'Day-Limit',
  'Day-Used',
  'Day-Remaining',
  'Month-Limit',
  'Month-Used',
  'Month-Remaining',
  'SoftCap-Reached',
  'HardCap-Mode',
].map((name) => `x-quota-${name.toLowerCase()}`);

function setErrorHeaders(reply: FastifyReply, answer: Answer): void {
  const edge = edgeOf(reply.request);
  if (reply.getHeader('x-frame-options') === undefined) setSecurityHeaders(reply.request, reply);
  reply.header('x-request-id', edge.requestId).header('content-type', JSON_TYPE);
  if (edge.legacy && reply.getHeader('deprecation') === undefined) setLegacyHeaders(reply);
  if (answer.status !== 402) for (const name of QUOTA_HEADERS) reply.removeHeader(name);
  if (answer.status === 401) reply.header('www-authenticate', 'Bearer');
  if (answer.retryAfterS !== undefined) reply.header('retry-after', String(answer.retryAfterS));
}

function report(request: FastifyRequest, answer: Answer, error: unknown): void {
  const { code, kind: type } = answer.row;
  request.server.metrics.errors.inc({ type, code });
  if (answer.unexpected)
    request.log.error({ err: error, code, request_id: request.id }, 'a request failed unexpectedly');
  else if (answer.status >= 500)
    request.log.warn({ err: error, code, request_id: request.id }, 'a request could not be served');
}

/** The one place where a thrown value becomes an answer, whoever threw it. */
export async function sendError(request: FastifyRequest, reply: FastifyReply, error: unknown): Promise<void> {
  const edge = edgeOf(request);
  const answer = answerOf(error);
  report(request, answer, error);
  edge.admitted?.giveBack();
  if (!edge.expired) await endClaim(request, answer.status);
  else if (reply.raw.headersSent) return endClaim(request, 503);
  if (reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  if (isForeignTenant(answer)) await recordForeignTenant(request, answer.row.code);
  setErrorHeaders(reply, answer);
  const openAi = edge.openAi || endpointOf(request)?.policy.errors === 'openai';
  const text = openAi ? JSON.stringify(openAiError(answer)) : errorText(answer, edge.requestId, edge.legacy);
  await reply.code(answer.status).send(text);
}

/** The address, or the body, names a tenant that the caller may not act for. */
function isForeignTenant({ row, details }: Answer): boolean {
  return row.code === httpErrors.forbidden.code && details?.['scope'] === 'tenant';
}

/** On record before the answer, as what the gates refuse. */
async function recordForeignTenant(request: FastifyRequest, code: string): Promise<void> {
  const refusal = { ...endpointCalled(request), code, count: 1, windowSeconds: 0, requiredRole: null };
  const event = { type: 'RoleRefused', data: { ...refusal, reason: 'tenant' } } as const;
  await request.server.access?.recorded(event, accessContextOf(request));
}

/** Errors are not stored: the next try runs again, after a 5xx with the same facts, for the first may have taken effect. */
export async function endClaim(request: FastifyRequest, status: number): Promise<void> {
  const { claim } = edgeOf(request);
  const store = request.server.idempotency;
  if (claim === undefined || store === undefined) return;
  request.edge.claim = undefined;
  try {
    await (status >= 500 ? store.giveUp(claim) : store.release(claim));
  } catch (error) {
    request.log.warn({ err: error }, 'an idempotency claim could not be ended; it lapses by itself');
  }
}

/** Hands what handlers throw to `sendError`. */
@Catch()
export class EdgeFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    return sendError(http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>(), error);
  }
}
