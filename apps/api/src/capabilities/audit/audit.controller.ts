import { Controller, Param, Query } from '@nestjs/common';
import { auditErrors } from '#domain/capabilities/audit/audit.projection.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import {
  AuditEventView,
  AuditPage,
  AuditQuery,
  CheckpointView,
  ConsistencyProofView,
  ConsistencyQuery,
  InclusionProofView,
} from './audit.contract.js';
import { AuditQueries } from './audit.queries.js';

@Controller('audit')
export class AuditController {
  constructor(private readonly queries: AuditQueries) {}

  @Endpoint('GET /events', {
    does: 'List audit events, newest first',
    role: 'admin',
    feature: 'feature.audit_access',
    rate: 'ops',
    returns: AuditPage,
  })
  list(@Query() query: AuditQuery, @Caller() caller: CallerContext): Promise<AuditPage> {
    return this.queries.list(query, caller);
  }

  @Endpoint('GET /events/:eventId', {
    does: 'Get an audit event',
    role: 'admin',
    feature: 'feature.audit_access',
    rate: 'ops',
    returns: AuditEventView,
    refuses: [auditErrors.notFound],
  })
  get(@Param('eventId') eventId: string, @Caller() caller: CallerContext): Promise<AuditEventView> {
    return this.queries.get(eventId, caller);
  }

  @Endpoint('GET /events/:eventId/proof', {
    does: 'Prove that an event is in the signed log',
    role: 'admin',
    feature: 'feature.audit_access',
    rate: 'ops',
    returns: InclusionProofView,
    refuses: [auditErrors.notFound, auditErrors.notSealed],
  })
  proof(@Param('eventId') eventId: string, @Caller() caller: CallerContext): Promise<InclusionProofView> {
    return this.queries.inclusion(eventId, caller);
  }

  @Endpoint('GET /checkpoint', {
    does: 'Get the newest signed checkpoint of the log',
    role: 'admin',
    feature: 'feature.audit_access',
    rate: 'ops',
    returns: CheckpointView,
    refuses: [auditErrors.notSealed],
  })
  checkpoint(): Promise<CheckpointView> {
    return this.queries.checkpoint();
  }

  @Endpoint('GET /consistency', {
    does: 'Prove that a newer checkpoint extends an older one',
    role: 'admin',
    feature: 'feature.audit_access',
    rate: 'ops',
    returns: ConsistencyProofView,
    refuses: [auditErrors.notSealed],
  })
  consistency(@Query() query: ConsistencyQuery): Promise<ConsistencyProofView> {
    return this.queries.consistency(query.from, query.to);
  }
}
