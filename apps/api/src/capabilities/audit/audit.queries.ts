import { Readable } from 'node:stream';
import { Injectable, StreamableFile } from '@nestjs/common';
import { auditErrors } from '#domain/capabilities/audit/audit.projection.js';
import { accessRows, auditRows } from '#domain/capabilities/capabilities.js';
import { accessEvents } from '#domain/capabilities/access/access.events.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { AnyProjection, RowOf } from '#domain/kernel/projection.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { invalid } from '#api/http/errors.js';
import type { Database } from '#infra/database/database.js';
import { MergedModels } from '#infra/read-models/merged-models.js';
import { exported, mediaTypes } from './audit-export.adapter.js';
import type {
  AuditEventView,
  AuditExportQuery,
  AuditFilters,
  AuditPage,
  AuditQuery,
  AuditScope,
} from './audit.contract.js';

type Row = RowOf<typeof auditRows.columns>;

/** Instants with a year of four digits: only these are written alike here and in the database. */
const FIRST_MS = Date.parse('1000-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');
const EXPORTED_AT_ONCE = 500;

const positionPattern = /^\d{20}(?::\d{20})?$/;
const accessTypes = new Set<string>(Object.values(accessEvents).map(({ audit }) => audit.type));

/** The audit log of one tenant: what changed, and who came, was refused or looked. */
@Injectable()
export class AuditQueries {
  private readonly events: MergedModels<Row>;

  constructor(
    database: Database,
    private readonly reads: ReadYourWrites,
  ) {
    this.events = new MergedModels<Row>(database, [auditRows, accessRows], ['occurred_at', 'position', 'id']);
  }

  async list(query: AuditQuery, caller: CallerContext): Promise<AuditPage> {
    const tenantId = tenantOf(query, caller);
    await this.reads.before(auditRows.table, caller);
    const { offset = 0, limit, cursor } = query;
    const { rows, next } = await this.events.page(tenantId, { ...searchOf(query), limit, cursor, offset });
    const next_offset = next === null || cursor !== undefined ? null : offset + rows.length;
    return { items: rows.map(viewOf), next_offset, next_cursor: next };
  }

  async get(id: string, scope: AuditScope, caller: CallerContext): Promise<AuditEventView> {
    const tenantId = tenantOf(scope, caller);
    await this.reads.before(auditRows.table, caller);
    const found = await this.events.find(tenantId, id);
    if (found === undefined) throw new CatalogueError(auditErrors.notFound);
    return viewOf(found.row);
  }

  /** The first page is read before the answer begins, so that what cannot be read is an error and not a torn file. */
  async export(query: AuditExportQuery, caller: CallerContext): Promise<StreamableFile> {
    const tenantId = tenantOf(query, caller);
    await this.reads.before(auditRows.table, caller);
    const search = searchOf(query);
    const read = (cursor?: string) => this.events.page(tenantId, { ...search, limit: EXPORTED_AT_ONCE, cursor });
    const first = await read();
    async function* pages(): AsyncGenerator<readonly AuditEventView[]> {
      for (let page = first; ; page = await read(page.next)) {
        yield page.rows.map(viewOf);
        if (page.next === null) return;
      }
    }
    const { format } = query;
    return new StreamableFile(Readable.from(exported(format, pages())), {
      type: mediaTypes[format],
      disposition: `attachment; filename="audit-events-${tenantId}.${format}"`,
    });
  }
}

/** The tenant whose events are asked for: the caller's own, or any for who operates the platform. */
function tenantOf({ tenant_id }: AuditScope, caller: CallerContext): string {
  if (tenant_id === undefined) return caller.tenantId;
  caller.mayActFor(tenant_id);
  return tenant_id;
}

/** What to look for, and in which of the two tables. */
function searchOf(query: AuditFilters) {
  const { event_type, resource_type, resource_id, actor_id, actor_type, request_id, error_code, as_of } = query;
  const atPosition = as_of !== undefined && positionPattern.test(as_of);
  const outcome = outcomeOf(query);
  const wanted = { event_type, outcome, resource_type, resource_id, actor_id, actor_type, request_id, error_code };
  const where = {
    ...Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)),
    ...timesOf(query, atPosition),
    // Positions are of fixed width, so the first text after one is the one with something behind it.
    ...(atPosition ? { position: { before: `${as_of}~` } } : {}),
  };
  const tables = tablesOf(query);
  return { where, from: atPosition ? tables.filter((table) => table === auditRows) : tables };
}

/** Only failures have a code, and they are few. */
function outcomeOf({ outcome, error_code }: AuditFilters) {
  return outcome ?? (error_code === undefined ? undefined : 'failure');
}

function tablesOf({ event_type, resource_type }: AuditFilters): readonly AnyProjection[] {
  if (event_type !== undefined) return [accessTypes.has(event_type) ? accessRows : auditRows];
  if (resource_type !== undefined) return [resource_type === 'endpoint' ? accessRows : auditRows];
  return [auditRows, accessRows];
}

function timesOf({ from, to, as_of }: AuditFilters, atPosition: boolean) {
  const until = [to, as_of === undefined || atPosition ? undefined : instantOf(as_of)]
    .filter((instant) => instant !== undefined)
    .map((instant) => justAfter(instant))
    .sort()[0];
  const occurred_at = {
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { before: until }),
  };
  return Object.keys(occurred_at).length === 0 ? {} : { occurred_at };
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
    log: row.stream.startsWith('access-') ? 'access' : 'domain',
    position: row.position,
    stream: row.stream,
    revision: row.revision,
  };
}
