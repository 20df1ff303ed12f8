import { Controller, Param, Query } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { Page } from '#api/http/paging.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { RunDetail, RunListQuery, RunView } from './run-records.contract.js';
import { RunRecords } from './run-records.queries.js';

@Controller('runs')
export class RunRecordsController {
  constructor(private readonly records: RunRecords) {}

  @Endpoint('GET /', {
    does: 'List the own runs, or as an admin all of the tenant, the newest first',
    role: 'reader',
    returns: [RunView],
    refuses: [policyQueryErrors.tooLarge],
  })
  list(@Query() query: RunListQuery, @Caller() caller: CallerContext): Promise<Page<RunView>> {
    return this.records.list(query, caller);
  }

  @Endpoint('GET /:runId', {
    does: 'Get a run with its outcome and what its answer stands on',
    role: 'reader',
    returns: RunDetail,
    refuses: [authorizationErrors.deniedByPolicy, runErrors.notFound],
  })
  get(@Param('runId') runId: string, @Caller() caller: CallerContext): Promise<RunDetail> {
    return this.records.get(runId, caller);
  }
}
