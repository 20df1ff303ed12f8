import { Controller, Param, Query, StreamableFile } from '@nestjs/common';
import { auditErrors } from '#domain/capabilities/audit/audit.projection.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import {
  AuditEventView,
  AuditExportQuery,
  AuditPage,
  AuditQuery,
  AuditScope,
  CheckpointView,
  ConsistencyProofView,
  ConsistencyQuery,
  InclusionProofView,
  LogQuery,
} from './audit.contract.js';
import { AuditProofs } from './audit-proofs.queries.js';
import { AuditQueries } from './audit.queries.js';

/** What the endpoints over events have in common. */
const events = { role: 'admin', rate: 'ops', feature: 'feature.audit_access' } as const;

@Controller('audit')
export class AuditController {
  constructor(
    private readonly queries: AuditQueries,
    private readonly proofs: AuditProofs,
  ) {}

  @Endpoint('GET /events', { ...events, does: 'List audit events, newest first', returns: AuditPage })
  list(@Query() query: AuditQuery, @Caller() caller: CallerContext): Promise<AuditPage> {
    return this.queries.list(query, caller);
  }

  @Endpoint('GET /events/export', {
    ...events,
    does: 'Export audit events as a file, newest first',
    view: 'AuditEventsExported',
    bare: true,
    produces: ['application/jsonl', 'text/csv'],
  })
  export(@Query() query: AuditExportQuery, @Caller() caller: CallerContext): Promise<StreamableFile> {
    return this.queries.export(query, caller);
  }

  @Endpoint('GET /events/:eventId', {
    ...events,
    does: 'Get an audit event',
    returns: AuditEventView,
    refuses: [auditErrors.notFound],
  })
  get(
    @Param('eventId') eventId: string,
    @Query() scope: AuditScope,
    @Caller() caller: CallerContext,
  ): Promise<AuditEventView> {
    return this.queries.get(eventId, scope, caller);
  }

  @Endpoint('GET /events/:eventId/proof', {
    ...events,
    does: 'Prove that an event is in the signed log',
    returns: InclusionProofView,
    refuses: [auditErrors.notFound, auditErrors.notSealed],
  })
  async proof(
    @Param('eventId') eventId: string,
    @Query() scope: AuditScope,
    @Caller() caller: CallerContext,
  ): Promise<InclusionProofView> {
    const { id, log } = await this.queries.get(eventId, scope, caller);
    return this.proofs.inclusion(id, log);
  }

  @Endpoint('GET /checkpoint', {
    does: 'Get the newest signed checkpoint of the log',
    role: 'admin',
    feature: 'feature.audit_access',
    rate: 'ops',
    returns: CheckpointView,
    refuses: [auditErrors.notSealed],
  })
  checkpoint(@Query() { log }: LogQuery): Promise<CheckpointView> {
    return this.proofs.checkpoint(log);
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
    return this.proofs.consistency(query);
  }
}
