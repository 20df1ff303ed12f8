import type { Provider } from '@nestjs/common';
import type { Platform } from '#infra/platform/platform.js';
import { RetrievalRouter } from '#infra/retrieval/retrieval-router.js';
import { RunTraceController } from './capabilities/runs/run-trace.controller.js';
import { RunTraces } from './capabilities/runs/run-trace.queries.js';
import { SearchController } from './capabilities/runs/search.controller.js';
import { Authorization } from './commands/authorization.js';

export const retrievalControllers = [RunTraceController, SearchController];

/** What finds passages and tells why. */
export function retrievalProviders({ platform }: { readonly platform: Platform }): Provider[] {
  return [
    { provide: RetrievalRouter, useValue: platform.retrieval },
    {
      provide: RunTraces,
      inject: [Authorization],
      useFactory: (authorization: Authorization) => new RunTraces(platform.path, platform.content, authorization),
    },
  ];
}
