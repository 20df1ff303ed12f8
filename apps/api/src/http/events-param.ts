import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

import { StreamOpener } from './sse.js';
import type { StreamRegistry } from './stream-registry.js';

declare module 'fastify' {
  interface FastifyInstance {
    streams: StreamRegistry;
  }
}

/** The way to a stream, as a parameter of a handler whose endpoint says `stream: true`. */
export const Stream = createParamDecorator((_: unknown, context: ExecutionContext): StreamOpener => {
  const reply = context.switchToHttp().getResponse<FastifyReply>();
  return new StreamOpener(reply, reply.server.streams);
});

/** A signal that aborts when the client leaves before it has its answer, as a parameter of any handler. */
export const Left = createParamDecorator((_: unknown, context: ExecutionContext): AbortSignal => {
  const reply = context.switchToHttp().getResponse<FastifyReply>();
  return new StreamOpener(reply, reply.server.streams).left();
});
