import { cutAccessLogBefore } from '#domain/capabilities/access-retention/access-retention.handler.js';
import { newId } from '#infra/commands/ids.js';
import { jobPorts } from '#infra/platform/job-ports.js';
import type { Provider } from '@nestjs/common';
import type { AnyJob } from '#domain/kernel/job.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { AppDeps } from './app.module.js';
import {
  Maintenance,
  nightlyMaintenance,
  type MaintenanceTask,
} from './capabilities/maintenance/maintenance.handler.js';
import { RetentionQueries } from './capabilities/maintenance/maintenance.queries.js';
import { ReadYourWrites } from './commands/read-your-writes.js';
import type { Platform } from '#infra/platform/platform.js';
import { WriteFreezePortsAtEdge } from './capabilities/write-freeze/write-freeze.adapter.js';
import { WriteFreezeQueries } from './capabilities/write-freeze/write-freeze.queries.js';
import { forgetMessages } from './capabilities/sessions/sessions.handler.js';
import { forgetMinutes } from './capabilities/usage/usage-retention.handler.js';
import { forgetActions } from './capabilities/ui/ui-actions.handler.js';

/** What this build can remove. Names of the contract that are missing here belong to work that does not exist yet. */
function maintenanceTasks(platform: Platform): readonly MaintenanceTask[] {
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
      name: 'prune_messages',
      ofTenants: true,
      prune: async ({ tenantId, dryRun }) => {
        const days = config.run.MESSAGE_RETENTION_DAYS;
        if (days === 0) return 0;
        const own = tenantId === undefined ? {} : { tenantId };
        return forgetMessages({ models: readModels, path, before: daysAgo(days), dryRun, ...own });
      },
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

/** What the endpoints of maintenance are given. */
export function maintenanceProviders({ platform }: AppDeps): Provider[] {
  const { commands, writeGate } = jobPorts(platform);
  return [
    WriteFreezeQueries,
    { provide: WriteFreezePortsAtEdge, useValue: new WriteFreezePortsAtEdge({ commands, writeGate }) },
    { provide: Maintenance, useValue: new Maintenance(maintenanceTasks(platform)) },
    {
      provide: RetentionQueries,
      inject: [ReadModels, ReadYourWrites],
      useFactory: (models: ReadModels, reads: ReadYourWrites) => new RetentionQueries(models, reads, platform.config),
    },
  ];
}

/** The same by the clock, every night, for all tenants. */
export function maintenanceJob(platform: Platform): AnyJob {
  return nightlyMaintenance(new Maintenance(maintenanceTasks(platform)), platform.path);
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
