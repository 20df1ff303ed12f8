import { Injectable } from '@nestjs/common';
import { auditErrors } from '#domain/capabilities/audit/audit.projection.js';
import { auditRows } from '#domain/capabilities/capabilities.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { httpErrors, invalid } from '#api/http/errors.js';
import { NotSealed } from '#infra/ledger/proofs.js';
import type { Ledger } from '#infra/platform/ledger.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type {
  AuditEventView,
  AuditPage,
  AuditQuery,
  CheckpointView,
  ConsistencyProofView,
  InclusionProofView,
} from './audit.contract.js';

type Row = RowOf<typeof auditRows.columns>;

/** Instants with a year of four digits: only these are written alike here and in the database. */
const FIRST_MS = Date.parse('1000-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

const positionPattern = /^\d{20}(?::\d{20})?$/;

/** The audit log of one tenant, and the proofs that it is all there. */
@Injectable()
export class AuditQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly ledger: Ledger,
  ) {}

  async list(query: AuditQuery, caller: CallerContext): Promise<AuditPage> {
    if (query.tenant_id !== undefined && query.tenant_id !== caller.tenantId) {
      throw new CatalogueError(httpErrors.forbidden);
    }
    await this.reads.before(auditRows.table, caller);
    const { offset, limit } = query;
    const { rows, next } = await this.models.for(auditRows).page(caller.tenantId, {
      where: whereOf(query),
      orderBy: [
        ['occurred_at', 'desc'],
        ['position', 'desc'],
      ],
      limit,
      cursor: query.cursor,
      ...(offset === undefined ? {} : { offset }),
    });
    const next_offset = next === null || query.cursor !== undefined ? null : (offset ?? 0) + rows.length;
    return { items: rows.map(viewOf), next_offset, next_cursor: next };
  }

  async get(id: string, caller: CallerContext): Promise<AuditEventView> {
    await this.reads.before(auditRows.table, caller);
    return viewOf(await this.row(id, caller));
  }

  async checkpoint(): Promise<CheckpointView> {
    const { note, size, root, createdAt } = await this.sealed(this.ledger.proofs.latestCheckpoint());
    const { vkey } = this.ledger.sealer;
    return { checkpoint: note, size, root: Buffer.from(root).toString('base64'), vkey, created_at: createdAt };
  }

  /** Only for events of the caller's tenant: another tenant's event is not found. */
  async inclusion(id: string, caller: CallerContext): Promise<InclusionProofView> {
    const { id: eventId } = await this.row(id, caller);
    const { index, leaf, path, checkpoint, text } = await this.sealed(this.ledger.proofs.inclusionProof({ eventId }));
    return { index, leaf, path, checkpoint, text };
  }

  async consistency(from: number, to: number | undefined): Promise<ConsistencyProofView> {
    return this.sealed(this.ledger.proofs.consistencyProof(from, to));
  }

  private async row(id: string, caller: CallerContext): Promise<Row> {
    const row = await this.models.for(auditRows).find(caller.tenantId, id);
    if (row === undefined) throw new CatalogueError(auditErrors.notFound);
    return row;
  }

  private async sealed<T>(proof: Promise<T>): Promise<T> {
    try {
      return await proof;
    } catch (error) {
      if (error instanceof NotSealed) throw new CatalogueError(auditErrors.notSealed, undefined, { cause: error });
      throw error;
    }
  }
}

function whereOf(query: AuditQuery) {
  const { event_type, outcome, resource_type, resource_id, actor_id, request_id, as_of } = query;
  const until = [query.to, as_of !== undefined && !positionPattern.test(as_of) ? instantOf(as_of) : undefined]
    .filter((instant) => instant !== undefined)
    .sort()[0];
  const occurred_at = {
    ...(query.from === undefined ? {} : { from: query.from }),
    ...(until === undefined ? {} : { before: justAfter(until) }),
  };
  const wanted = { event_type, outcome, resource_type, resource_id, actor_id, request_id };
  const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
  return {
    ...given,
    ...(Object.keys(occurred_at).length === 0 ? {} : { occurred_at }),
    // Positions are of fixed width, so the first text after one is the one with something behind it.
    ...(as_of !== undefined && positionPattern.test(as_of) ? { position: { before: `${as_of}~` } } : {}),
  };
}

function instantOf(text: string): string {
  const millis = Date.parse(text);
  if (!(millis >= FIRST_MS && millis <= LAST_MS)) {
    throw invalid([{ type: 'as_of_invalid', loc: ['query', 'as_of'], msg: 'must be a position or an instant' }]);
  }
  return new Date(millis).toISOString();
}

const justAfter = (instant: string): string => new Date(Math.min(LAST_MS, Date.parse(instant) + 1)).toISOString();

function viewOf(row: Row): AuditEventView {
  return {
    id: row.id,
    occurred_at: row.occurred_at,
    tenant_id: row.tenant_id,
    actor_type: row.actor_type,
    actor_id: row.actor_id,
    actor_role: row.actor_role,
    event_type: row.event_type,
    outcome: row.outcome,
    resource_type: row.resource_type,
    resource_id: row.resource_id,
    request_id: row.request_id,
    ip_address: row.ip_address,
    user_agent: row.user_agent,
    metadata_json: row.metadata_json as object,
    error_code: row.error_code,
    created_at: row.occurred_at,
    position: row.position,
    stream: row.stream,
    revision: row.revision,
  };
}
