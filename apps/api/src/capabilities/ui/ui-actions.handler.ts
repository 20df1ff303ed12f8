import { documentErrors } from '#domain/capabilities/documents/documents.decider.js';
import { uiActions, uiErrors } from '#domain/capabilities/ui/ui.decider.js';
import { uiActionRows } from '#domain/capabilities/ui/ui.projection.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { CallerContext } from '#api/http/caller.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { UiActionAccepted } from './ui-actions.contract.js';

/** The one way in which documents are reindexed, with all its checks; gives what is answered to its own clients. */
export type Reindex = (
  documentId: string,
  caller: CallerContext,
) => Promise<{ readonly job_id: string | null; readonly status_url: string }>;

/** Actions of the user interface: each does what an endpoint of the API does, by the same way. */
export class UiActions {
  constructor(private readonly reindex: Reindex) {}

  async reindexDocument(documentId: string, caller: CallerContext): Promise<UiActionAccepted> {
    const { job_id, status_url } = await this.reindex(documentId, caller).catch((error: unknown) => {
      throw isInProgress(error) ? new CatalogueError(uiErrors.actionConflict) : error;
    });
    if (job_id === null) throw new Error('a reindexing without a job');
    return {
      action_id: job_id,
      status: 'accepted',
      accepted_at: caller.facts.now,
      optimistic: { entity: 'document', id: documentId, patch: { status: 'queued' } },
      poll_url: status_url,
    };
  }
}

const isInProgress = (error: unknown): boolean =>
  error instanceof CatalogueError && error.row === documentErrors.inProgress;

const BATCH = 500;

/** What retention needs to remove actions from the action log. */
export interface ForgetActions {
  readonly models: ReadModels;
  readonly path: CommandPath;
  /** ISO 8601; actions that were accepted earlier are removed. */
  readonly before: string;
  /** All tenants when absent. */
  readonly tenantId?: string;
  /** Counts, and removes nothing. */
  readonly dryRun?: boolean;
}

/** Removes old actions from the action log, by events, so that a rebuild does not bring them back; how many. */
export async function forgetActions({ models, path, before, tenantId, dryRun }: ForgetActions): Promise<number> {
  const rows = models.for(uiActionRows).acrossTenants();
  const where = { accepted_at: { before }, ...(tenantId === undefined ? {} : { tenant_id: tenantId }) };
  if (dryRun === true) return rows.count(where);
  let cursor: string | undefined;
  let forgotten = 0;
  do {
    const page = await rows.page({ where, limit: BATCH, cursor });
    await Promise.all(page.rows.map(({ tenant_id, id }) => forget(path, tenant_id, id)));
    forgotten += page.rows.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return forgotten;
}

async function forget(path: CommandPath, tenantId: string, actionId: string): Promise<void> {
  await path.run(
    uiActions,
    actionId,
    { type: 'ForgetUiAction', data: { actionId } },
    {
      tenantId,
      actor: { type: 'system', id: SYSTEM_TENANT, role: null },
      now: new Date().toISOString(),
      commandId: derivedId(actionId, 'forget'),
      newId: derivedId(actionId, 'forgotten'),
      requestId: null,
    },
  );
}
