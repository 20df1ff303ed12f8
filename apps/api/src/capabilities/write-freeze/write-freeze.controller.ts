import { Body, Controller } from '@nestjs/common';
import { WRITE_FREEZE_STREAM, writeFreeze } from '#domain/capabilities/write-freeze/write-freeze.decider.js';
import { applyWriteFreeze } from '#domain/capabilities/write-freeze/write-freeze.handler.js';
import { writeFreezeRows } from '#domain/capabilities/write-freeze/write-freeze.projection.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { Commands } from '#api/commands/commands.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import { WriteFreezeRequest, WriteFreezeView } from './write-freeze.contract.js';
import { WriteFreezePortsAtEdge } from './write-freeze.adapter.js';
import { WriteFreezeQueries } from './write-freeze.queries.js';

/** The write gate of all tenants: platform operators close it and open it again, and it never closes on them. */
@Controller('admin/maintenance/write-freeze')
export class WriteFreezeController {
  constructor(
    private readonly commands: Commands,
    private readonly queries: WriteFreezeQueries,
    private readonly ports: WriteFreezePortsAtEdge,
  ) {}

  @Endpoint('GET /', {
    does: 'Show whether writes are frozen',
    role: 'admin',
    recovery: true,
    returns: WriteFreezeView,
  })
  show(@Caller() caller: CallerContext): Promise<WriteFreezeView> {
    return this.queries.get(caller);
  }

  @Endpoint('POST /', {
    does: 'Freeze every write but those that get the installation going again, or take them again',
    role: 'admin',
    recovery: true,
    audit: 'failover.write_freeze.toggled',
    returns: WriteFreezeView,
    waitsFor: [writeFreezeRows.table],
  })
  async set(@Body() body: WriteFreezeRequest, @Caller() caller: CallerContext): Promise<WriteFreezeView> {
    if (!caller.platformOperator) throw new CatalogueError(httpErrors.forbidden, { scope: 'platform' });
    const { frozen, reason = null } = body;
    const command = { type: 'SetWriteFreeze', data: { frozen, reason } } as const;
    await this.commands.runFor(SYSTEM_TENANT, writeFreeze, WRITE_FREEZE_STREAM, command, caller);
    // Also when nothing had to be decided: an earlier try may have died before the gate moved.
    await applyWriteFreeze(this.ports.ports);
    return this.queries.get(caller);
  }
}
