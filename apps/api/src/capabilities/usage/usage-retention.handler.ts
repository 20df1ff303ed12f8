import { usageRetention } from '#domain/capabilities/usage/usage.decider.js';
import { usageMinutes } from '#domain/capabilities/usage/usage.projection.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { idFor, newId } from '#infra/commands/ids.js';
import type { ReadModels } from '#infra/read-models/read-models.js';

/** What retention needs to remove minutes. */
export interface ForgetMinutes {
  readonly models: ReadModels;
  readonly path: Pick<CommandPath, 'run'>;
  /** ISO 8601; minutes that began earlier are removed. */
  readonly before: string;
  /** All tenants when absent. */
  readonly tenantId?: string;
  /** Counts, and removes nothing. */
  readonly dryRun?: boolean;
}

const BATCH = 500;

/** Removes usage by minute that is kept no longer, by events, so that a rebuild does not bring it back; how many. Days stay. */
export async function forgetMinutes({ models, path, before, tenantId, dryRun }: ForgetMinutes): Promise<number> {
  const rows = models.for(usageMinutes).acrossTenants();
  const where = { start: { before }, ...(tenantId === undefined ? {} : { tenant_id: tenantId }) };
  if (dryRun === true) return rows.count(where);
  let cursor: string | undefined;
  let forgotten = 0;
  do {
    const page = await rows.page({ where, limit: BATCH, cursor });
    const days = Map.groupBy(page.rows, ({ tenant_id, start }) => `${tenant_id} ${start.slice(0, 10)}`);
    for (const [place, minutes] of days) {
      const [tenant = '', day = ''] = place.split(' ');
      await forget(path, { tenantId: tenant, day, minutes: minutes.map(({ start }) => start) });
    }
    forgotten += page.rows.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return forgotten;
}

async function forget(
  path: Pick<CommandPath, 'run'>,
  { tenantId, day, minutes }: { readonly tenantId: string; readonly day: string; readonly minutes: readonly string[] },
): Promise<void> {
  const facts = {
    tenantId,
    actor: { type: 'system', id: 'retention', role: null },
    now: new Date().toISOString(),
    commandId: newId(),
    newId: newId(),
    requestId: null,
  } as const;
  const streamId = idFor('usage-retention', tenantId, day);
  await path.run(usageRetention, streamId, { type: 'ForgetMinutes', data: { minutes } }, facts);
}
