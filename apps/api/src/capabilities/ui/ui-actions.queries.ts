import { uiErrors } from '#domain/capabilities/ui/ui.decider.js';
import { uiActionRows } from '#domain/capabilities/ui/ui.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { RowOf } from '#domain/kernel/projection.js';
import type { DocumentAccess } from '#api/commands/document-access.js';
import type { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { Page } from '#api/http/paging.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { UiAction, UiActionsQuery } from './ui-actions.contract.js';

/** The action log of one tenant, as far as the caller may read what was acted on. */
export class UiActionLog {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly access: DocumentAccess,
  ) {}

  async list(query: UiActionsQuery, caller: CallerContext): Promise<Page<UiAction>> {
    const { status, document_id, limit, cursor } = query;
    await this.reads.before(uiActionRows.table, caller);
    const { rows, next } = await this.models.for(uiActionRows).page(caller.tenantId, {
      where: { ...(status === undefined ? {} : { status }), ...(document_id === undefined ? {} : { document_id }) },
      orderBy: [['accepted_at', 'desc']],
      limit,
      cursor,
      visible: await this.access.readableOf(caller),
    });
    return new Page(rows.map(viewOf), next);
  }

  async get(actionId: string, caller: CallerContext): Promise<UiAction> {
    await this.reads.before(uiActionRows.table, caller);
    const visible = await this.access.readableOf(caller);
    const where = { id: actionId };
    const {
      rows: [row],
    } = await this.models.for(uiActionRows).page(caller.tenantId, { where, limit: 1, visible });
    if (row === undefined) throw new CatalogueError(uiErrors.actionNotFound);
    return viewOf(row);
  }
}

function viewOf(row: RowOf<typeof uiActionRows.columns>): UiAction {
  return {
    action_id: row.id,
    action_type: row.action_type,
    status: row.status,
    actor_id: row.actor_id,
    request_id: row.request_id,
    result: { document_id: row.document_id, job_id: row.id },
    failure_reason: row.failure_reason,
    accepted_at: row.accepted_at,
    finished_at: row.finished_at,
  };
}
