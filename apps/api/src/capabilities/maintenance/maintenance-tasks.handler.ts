import { cutAccessLogBefore } from '#domain/capabilities/access-retention/access-retention.handler.js';
import { newId } from '#infra/commands/ids.js';
import { jobPorts } from '#infra/platform/job-ports.js';
import type { Platform } from '#infra/platform/platform.js';
import { forgetMinutes } from '#api/capabilities/usage/usage-retention.handler.js';
import { forgetActions } from '#api/capabilities/ui/ui-actions.handler.js';

/** Whose rows, and whether they are only counted. */
export interface Prune {
  /** All tenants when absent. */
  readonly tenantId: string | undefined;
  readonly dryRun: boolean;
}

export interface MaintenanceTask {
  readonly name: string;
  /** False: what it removes belongs to no tenant alone. */
  readonly ofTenants: boolean;
  /** Removes what is kept no longer; how many rows. */
  prune(how: Prune): Promise<number>;
}

/** The name that stands for all of them. */
export const EVERYTHING = 'prune_retention_all';

/** What this build can remove. Names of the contract that are missing here belong to work that does not exist yet. */
export function maintenanceTasks(platform: Platform): readonly MaintenanceTask[] {
  const { config, idempotency, readModels, path } = platform;
  return [
    {
      name: 'prune_idempotency',
      ofTenants: true,
      prune: ({ tenantId, dryRun }) => (dryRun ? idempotency.expired(tenantId) : idempotency.purge(tenantId)),
    },
    { name: 'prune_audit', ofTenants: false, prune: ({ dryRun }) => pruneAccessLog(platform, dryRun) },
    {
      name: 'cleanup_actions',
      ofTenants: true,
      prune: ({ tenantId, dryRun }) =>
        forgetActions({
          models: readModels,
          path,
          before: daysAgo(config.ui.UI_ACTION_RETENTION_DAYS),
          dryRun,
          ...(tenantId === undefined ? {} : { tenantId }),
        }),
    },
    {
      name: 'prune_usage',
      ofTenants: true,
      prune: ({ tenantId, dryRun }) =>
        forgetMinutes({
          models: readModels,
          path,
          before: daysAgo(config.usage.USAGE_COUNTER_RETENTION_DAYS),
          dryRun,
          ...(tenantId === undefined ? {} : { tenantId }),
        }),
    },
  ];
}

/** The access log can only be cut at its beginning, for all tenants at once: what is left must stay provable. */
async function pruneAccessLog(platform: Platform, dryRun: boolean): Promise<number> {
  const { accessLog, commands } = jobPorts(platform);
  const recordedBefore = accessLog.keptSince();
  const { signal } = new AbortController();
  if (!dryRun) return cutAccessLogBefore(recordedBefore, { commandId: newId(), signal }, { commands, accessLog });
  const plan = await accessLog.cutFor(recordedBefore);
  return plan === undefined ? 0 : accessLog.count(plan.position);
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString();
}
