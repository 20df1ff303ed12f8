import { dataSubjects } from '#domain/capabilities/data-subjects/data-subjects.decider.js';
import { forgottenSubjectRows } from '#domain/capabilities/data-subjects/data-subjects.projection.js';
import { idFor } from '#infra/commands/ids.js';
import { personKind } from '#infra/crypto/personal.js';
import type { Platform } from '#infra/platform/platform.js';
import { systemFacts } from './keys.js';
import { textArg, type Operation } from './operation.js';

/** Forgets a person: their key is destroyed, so that no personal field of theirs can be read again, here or in a copy. */
export const personForget: Operation = async function* ({ platform }, args) {
  const tenantId = textArg(args, 'tenant');
  const subjectId = textArg(args, 'user_id');
  const data = { subjectKind: personKind, subjectId };
  const streamId = idFor('dataSubjects', tenantId, `${personKind}\n${subjectId}`);
  const facts = systemFacts(tenantId, 'forget_person');
  await platform.path.run(dataSubjects, streamId, { type: 'ForgetDataSubject', data }, facts);
  const destroyed = await platform.keys.destroy({ tenantId, kind: personKind, id: subjectId });
  yield { tenant: tenantId, user_id: subjectId, destroyed };
};

/** Destroys again what the log says was destroyed: after a crash in between, or the restore of an older key store. */
export async function replayForgotten(platform: Platform): Promise<number> {
  const model = platform.readModels.for(forgottenSubjectRows).acrossTenants();
  let found = 0;
  let cursor: string | undefined;
  do {
    const page = await model.page({ limit: 500, cursor });
    const destructions = page.rows.map((row) => ({
      subject: { tenantId: row.tenant_id, kind: row.subject_kind, id: row.subject_id },
      keyIds: [],
      at: row.forgotten_at,
    }));
    if (destructions.length > 0) found += await platform.keys.replayDestructions(destructions);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return found;
}
