import { maintenanceRows } from '#domain/capabilities/maintenance/maintenance.projection.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import type { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import type { Config } from '#infra/config/config.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { ConfiguredDays, RetentionView } from './maintenance.contract.js';
import { NIGHTLY } from './maintenance.handler.js';

/** More tasks than there are. */
const MANY = 100;

/** How long what is kept, and when it was last removed. */
export class RetentionQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly config: Config,
  ) {}

  async of(caller: CallerContext): Promise<RetentionView> {
    await this.reads.before(maintenanceRows.table, caller);
    const model = this.models.for(maintenanceRows);
    const [platform, own] = await Promise.all(
      [SYSTEM_TENANT, caller.tenantId].map((tenantId) => model.page(tenantId, { limit: MANY })),
    );
    // A run over all tenants was one over this tenant's rows too.
    const latest: Record<string, string> = {};
    for (const { id, last_run_at: at } of [...(platform?.rows ?? []), ...(own?.rows ?? [])])
      if ((latest[id] ?? '') < at) latest[id] = at;
    return {
      tenant_id: caller.tenantId,
      configured_days: configuredDays(this.config),
      last_run_by_task: latest,
      next_schedule: nextNight(new Date()),
    };
  }
}

function configuredDays({ audit, ui, usage, run }: Config): ConfiguredDays {
  return {
    audit: audit.AUDIT_RETENTION_DAYS,
    usage: usage.USAGE_COUNTER_RETENTION_DAYS,
    ui_actions: ui.UI_ACTION_RETENTION_DAYS,
    messages: run.MESSAGE_RETENTION_DAYS === 0 ? null : run.MESSAGE_RETENTION_DAYS,
    documents: null,
    backups: null,
  };
}

export function nextNight(now: Date): string {
  const { hour, minute } = NIGHTLY;
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate(), hour, minute);
  return new Date(today > now.getTime() ? today : today + 86_400_000).toISOString();
}
