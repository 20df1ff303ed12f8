import { hash } from 'node:crypto';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import { idFor } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import { flag, textArg, UsageError, type Operation } from './operation.js';
import { registerTenant } from './keys.js';

const MOST = 1_000;
const OPENED = 20;

/** Registers a tenant, so that its data has an owner. */
export const tenantsRegister: Operation = async function* ({ platform }, args) {
  const tenant = textArg(args, 'tenant');
  await registerTenant(platform, tenant, textArg(args, 'name', tenant));
  yield { tenant };
};

/**
 * How some documents stand: `[document id, status, corpus, failure reason, last job, digest]`; unknown ones are left out. The digest is
 * the SHA-256 of the text that was handed in, where `digests` asks for it; null where there is no text.
 */
export const documentsStates: Operation = async function* ({ platform }, args) {
  const tenantId = textArg(args, 'tenant');
  const { ids } = args;
  if (!Array.isArray(ids) || ids.length > MOST) throw new UsageError(`ids must be a list of at most ${MOST}`);
  const uids = ids.map((id) => idFor('documents', tenantId, String(id)));
  const { rows } = await platform.readModels
    .for(documentRows)
    .page(tenantId, { where: { id: { in: uids } }, limit: MOST });
  const contents = flag(args, 'digests') ? rows.map((row) => row.content_id) : [];
  const digests = await digestsOf(platform.content, tenantId, contents);
  yield rows.map((row) => [
    row.document_id,
    row.status,
    row.corpus_id,
    row.failure_reason,
    row.last_job_id,
    digests.get(row.content_id) ?? null,
  ]);
};

/** The ids of the documents of a corpus, many at a time. */
export const documentsIds: Operation = async function* ({ platform }, args) {
  const tenantId = textArg(args, 'tenant');
  const where = { corpus_id: textArg(args, 'corpus') };
  const documents = platform.readModels.for(documentRows);
  let cursor: string | undefined;
  do {
    const { rows, next } = await documents.page(tenantId, { where, limit: MOST, cursor });
    yield rows.map((row) => row.document_id);
    cursor = next ?? undefined;
  } while (cursor !== undefined);
};

/** By content id; opened a few at a time, as texts may be long. */
async function digestsOf(
  content: ContentStore,
  tenantId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for (let at = 0; at < ids.length; at += OPENED) {
    for (const [id, bytes] of await content.getMany(tenantId, ids.slice(at, at + OPENED))) {
      const text = textIn(bytes);
      if (text !== undefined) digests.set(id, hash('sha256', text, 'hex'));
    }
  }
  return digests;
}

/** The text of a document that was handed in as one; undefined of a file. */
function textIn(bytes: Uint8Array): string | undefined {
  try {
    const { text } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly text?: unknown };
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}
