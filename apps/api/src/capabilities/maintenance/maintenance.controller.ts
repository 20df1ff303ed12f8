import { Controller, Query } from '@nestjs/common';
import {
  maintenance,
  maintenanceErrors,
  type RecordRun,
} from '#domain/capabilities/maintenance/maintenance.decider.js';
import { maintenanceRows } from '#domain/capabilities/maintenance/maintenance.projection.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import { MaintenanceQuery, MaintenanceView, RetentionView } from './maintenance.contract.js';
import { Maintenance } from './maintenance.handler.js';
import { RetentionQueries } from './maintenance.queries.js';

/** Platform operators prune the rows of all tenants, other admins those of their own. */
@Controller('admin')
export class MaintenanceController {
  constructor(
    private readonly path: CommandPath,
    private readonly reads: ReadYourWrites,
    private readonly work: Maintenance,
    private readonly queries: RetentionQueries,
  ) {}

  @Endpoint('POST /maintenance/run', {
    does: 'Remove what is kept no longer, or count it',
    role: 'admin',
    recovery: true,
    audit: 'maintenance.run',
    returns: MaintenanceView,
    waitsFor: [maintenanceRows.table],
    refuses: [maintenanceErrors.cannotRun, maintenanceErrors.ofThePlatform],
  })
  async run(@Query() query: MaintenanceQuery, @Caller() caller: CallerContext): Promise<MaintenanceView> {
    const { task, dry_run: dryRun } = query;
    const tenantId = caller.platformOperator ? undefined : caller.tenantId;
    const asked = { task, dryRun, tenantId, commandId: caller.facts.commandId };
    const deletedRows = await this.work.run(asked, (of, runId, command) => this.tell(of, runId, command, caller));
    return {
      task,
      status: dryRun ? 'counted' : 'completed',
      scope: tenantId === undefined ? 'global' : 'tenant',
      deleted_rows: deletedRows,
    };
  }

  /** Several runs may be told of in one request, so each has a command of its own. */
  private async tell(of: string, runId: string, command: RecordRun, caller: CallerContext): Promise<void> {
    const facts = { ...caller.facts, tenantId: of, commandId: derivedId(runId, 'recorded'), newId: runId };
    const { position } = await this.path.run(maintenance, runId, command, facts, caller.context);
    await this.reads.after(position, caller);
  }

  @Endpoint('GET /retention/status', {
    does: 'Show how long what is kept, and when it was last removed',
    role: 'admin',
    recovery: true,
    returns: RetentionView,
  })
  status(@Caller() caller: CallerContext): Promise<RetentionView> {
    return this.queries.of(caller);
  }
}
