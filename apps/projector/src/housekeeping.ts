import { defineJob, type AnyJob } from '#domain/kernel/job.js';
import { ProjectionAdmin } from '#infra/projections/admin.js';
import type { ProjectionStatus } from '#infra/projections/status.js';
import type { Platform } from '#infra/platform/platform.js';

const SWEPT_AFTER_MS = 2 * 3_600_000;
const HOUR_MS = 3_600_000;
const FRAMES_KEPT_MS = 24 * HOUR_MS;

const byTheClock = { retryLimit: 1, retryDelaySeconds: 30, timeoutSeconds: 3_600, concurrency: 1 };

/** Work that no capability asks for: removing what is kept for a while only, and building indexes that became worth it. */
export function housekeepingJobs(platform: Platform): readonly AnyJob[] {
  return [
    defineJob({
      ...byTheClock,
      name: 'house.vector-indexes',
      cron: '*/5 * * * *',
      handle: async () => {
        await platform.vectorIndexes.ensure();
      },
    }),
    defineJob({
      ...byTheClock,
      name: 'house.prune-frames',
      cron: '7 * * * *',
      handle: async () => {
        const before = new Date(Date.now() - FRAMES_KEPT_MS);
        while ((await platform.streams.prune(before)) > 0);
      },
    }),
    defineJob({
      ...byTheClock,
      name: 'house.prune-idempotency',
      cron: '23 * * * *',
      handle: async () => {
        await platform.idempotency.purge();
      },
    }),
    defineJob({
      ...byTheClock,
      name: 'house.sweep-content',
      cron: '53 * * * *',
      handle: async () => {
        await sweepContent(platform, new Date(Date.now() - SWEPT_AFTER_MS));
      },
    }),
  ];
}

/**
 * Removes contents stored before `before` that no event names, as of a command that died between the two; how many. Does
 * nothing while a read model that names contents is behind: what it does not show yet may be named.
 */
export async function sweepContent(platform: Platform, before: Date): Promise<number> {
  const { database, log, accessLog, registry, content } = platform;
  const naming = registry.capabilities.flatMap((capability) => capability.namesContent);
  const status = await new ProjectionAdmin({ database, log, accessLog, registry }).list();
  const tables = new Set(naming.map(({ projection }) => projection.table));
  const behind = status.some((entry) => tables.has(entry.table) && isLate(entry));
  if (behind) return 0;
  const columns = [
    ...naming.map(({ projection, column }) => ({ from: `read.${projection.table}_v${projection.version}`, column })),
    { from: 'streams.batch', column: 'content_id' },
  ];
  const text = columns
    .map(
      ({ from, column }) =>
        `select ${column}::text as id from ${from} where tenant_id = $1 and ${column}::text = any($2)`,
    )
    .join(' union all ');
  return content.sweep(before, async (ids, tenantId) => {
    const rows = await database.query<{ id: string }>(text, [tenantId, ids]);
    return new Set(rows.map((row) => row.id));
  });
}

/** Far from what the sweep looks at, by time: a little lag is no reason to wait. */
function isLate(entry: ProjectionStatus): boolean {
  return entry.secondsBehind * 1_000 > SWEPT_AFTER_MS / 2 || entry.quarantinedKeys > 0 || entry.state === 'failed';
}
