import { Injectable } from '@nestjs/common';
import { accessRows, auditRows } from '#domain/capabilities/capabilities.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { DocumentAccess } from '#api/commands/document-access.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import { ShownDocuments, type DocumentRow } from '#api/commands/shown-documents.js';
import type { CallerContext } from '#api/http/caller.js';
import { visibleCorpora } from '#api/http/corpus-scope.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import { between, pageOf, SignedCursors, sortOf } from './ui-list.adapter.js';
import type {
  UiActivities,
  UiActivity,
  UiActivityQuery,
  UiDocument,
  UiDocuments,
  UiDocumentsQuery,
} from './ui-lists.contract.js';

type AuditRow = RowOf<typeof auditRows.columns>;

const documentSorts = {
  created_at: 'created_at',
  updated_at: 'updated_at',
  filename: 'filename',
  name: 'filename',
  status: 'status',
} as const satisfies Record<string, keyof DocumentRow>;

const activitySorts = {
  occurred_at: 'occurred_at',
  created_at: 'occurred_at',
  event_type: 'event_type',
  outcome: 'outcome',
} as const satisfies Record<string, keyof AuditRow>;

type DocumentSort = (typeof documentSorts)[keyof typeof documentSorts] | 'document_id';
type ActivitySort = (typeof activitySorts)[keyof typeof activitySorts] | 'position';

/** Tenants have millions of access events; facets count no more than these. */
const COUNTED_EVENTS = 100_000;

/** The lists of the user interface: searched, sorted and filtered, with facets over all that the filters leave. */
@Injectable()
export class UiLists {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly shown: ShownDocuments,
    private readonly cursors: SignedCursors,
    private readonly access: DocumentAccess,
  ) {}

  async documents(query: UiDocumentsQuery, caller: CallerContext): Promise<UiDocuments> {
    const { q, limit, cursor, status, created_from, created_to } = query;
    const { tenantId } = caller;
    const corpus_id = visibleCorpora(caller, query.corpus_id);
    const sort = sortOf<DocumentSort>(query.sort, documentSorts, '-created_at', 'document_id');
    const others = given({ corpus_id, created_at: between(created_from, created_to) });
    const search = searchOf(['filename', 'document_id'] as const, q);
    await this.shown.before(caller);
    const model = this.models.for(documentRows);
    const visible = await this.access.readable(caller);
    const [page, statuses] = await Promise.all([
      model.page(tenantId, {
        where: { ...others, ...given({ status }) },
        search,
        visible,
        orderBy: sort.orderBy,
        limit,
        cursor,
        cursors: this.cursors.for('ui.documents', tenantId, sort.text),
      }),
      model.facet(tenantId, 'status', { where: others, search, visible }),
    ]);
    return { items: page.rows.map(documentOf), page: pageOf(page), facets: { status: statuses } };
  }

  async activity(query: UiActivityQuery, caller: CallerContext): Promise<UiActivities> {
    const { q, limit, cursor, actor_type, event_type, created_from, created_to } = query;
    const { tenantId } = caller;
    const sort = sortOf<ActivitySort>(query.sort, activitySorts, '-occurred_at', 'position');
    const others = given({ actor_type, occurred_at: between(created_from, created_to) });
    const search = searchOf(['event_type', 'resource_id', 'actor_id'] as const, q);
    await this.reads.before(auditRows.table, caller);
    const model = this.models.union(auditRows, accessRows);
    const [page, types] = await Promise.all([
      model.page(tenantId, {
        where: { ...others, ...given({ event_type }) },
        search,
        orderBy: sort.orderBy,
        limit,
        cursor,
        cursors: this.cursors.for('ui.activity', tenantId, sort.text),
      }),
      model.facet(tenantId, 'event_type', { where: others, search, atMost: COUNTED_EVENTS }),
    ]);
    return { items: page.rows.map(activityOf), page: pageOf(page), facets: { event_type: types } };
  }
}

function given<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { readonly [K in keyof T]?: Exclude<T[K], undefined> };
}

function searchOf<C extends string>(columns: readonly C[], q: string | undefined) {
  return q === undefined || q === '' ? undefined : { columns, text: q };
}

function documentOf(row: DocumentRow): UiDocument {
  return {
    id: row.document_id,
    filename: row.filename,
    status: row.status,
    corpus_id: row.corpus_id,
    content_type: row.content_type,
    created_at: row.created_at,
    updated_at: row.updated_at,
    last_reindexed_at: row.last_reindexed_at,
  };
}

function activityOf(row: AuditRow): UiActivity {
  const { id, occurred_at, event_type, outcome, actor_type, actor_id, resource_type, resource_id } = row;
  const on = resource_id === null ? resource_type : `${resource_type} ${resource_id}`;
  const summary = `${event_type} (${outcome}) on ${on}`;
  return { id, occurred_at, event_type, outcome, actor_type, actor_id, resource_type, resource_id, summary };
}
