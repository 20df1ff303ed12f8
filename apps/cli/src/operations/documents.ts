import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { idFor } from '#infra/commands/ids.js';
import { textArg, UsageError, type Operation } from './operation.js';
import { registerTenant } from './keys.js';

const MOST = 1_000;

/** Registers a tenant, so that its data has an owner. */
export const tenantsRegister: Operation = async function* ({ platform }, args) {
  const tenant = textArg(args, 'tenant');
  await registerTenant(platform, tenant, textArg(args, 'name', tenant));
  yield { tenant };
};

/** How some documents stand: `[document id, status, corpus, failure reason]`; unknown ones are left out. */
export const documentsStates: Operation = async function* ({ platform }, args) {
  const tenantId = textArg(args, 'tenant');
  const { ids } = args;
  if (!Array.isArray(ids) || ids.length > MOST) throw new UsageError(`ids must be a list of at most ${MOST}`);
  const uids = ids.map((id) => idFor('documents', tenantId, String(id)));
  const { rows } = await platform.readModels
    .for(documentRows)
    .page(tenantId, { where: { id: { in: uids } }, limit: MOST });
  yield rows.map((row) => [row.document_id, row.status, row.corpus_id, row.failure_reason]);
};
