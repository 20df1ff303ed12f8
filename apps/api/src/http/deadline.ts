import type { FastifyReply, FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';

import { edgeOf, endpointOf, isAnswered } from './context.js';
import { sendError } from './error-answer.js';
import { httpErrors } from './errors.js';

/**
 * Answers a request that is not done in time: 408 while it is still being sent, 503 after. What its handler has begun ends by
 * itself and is whole or not at all; its Idempotency-Key stays claimed until then. Streams have no deadline.
 */
export function startDeadline(request: FastifyRequest, reply: FastifyReply, deadlineMs: number): void {
  if (endpointOf(request)?.policy.stream === true) return;
  edgeOf(request).deadline = setTimeout(() => {
    if (isAnswered(reply)) return;
    const arriving = !request.raw.complete;
    if (arriving) reply.header('connection', 'close');
    const row = arriving ? httpErrors.requestTimeout : httpErrors.deadlinePassed;
    edgeOf(request).expired = true;
    void sendError(request, reply, new CatalogueError(row));
  }, deadlineMs).unref();
}

export function stopDeadline(request: FastifyRequest): void {
  clearTimeout(edgeOf(request).deadline);
}
