import { Controller, Param } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { RetrievalTraceView } from './retrieval-trace.contract.js';
import { RunTraces } from './run-trace.queries.js';

@Controller('runs')
export class RunTraceController {
  constructor(private readonly traces: RunTraces) {}

  @Endpoint('GET /:runId/trace', {
    does: 'Read what a run retrieved and why: its user may, and the admins of the tenant',
    role: 'reader',
    returns: RetrievalTraceView,
    refuses: [authorizationErrors.deniedByPolicy, runErrors.notFound],
  })
  get(@Param('runId') runId: string, @Caller() caller: CallerContext): Promise<RetrievalTraceView> {
    return this.traces.get(runId, caller);
  }
}
