import { Injectable } from '@nestjs/common';
import { WRITE_FREEZE_STREAM } from '#domain/capabilities/write-freeze/write-freeze.decider.js';
import { writeFreezeRows } from '#domain/capabilities/write-freeze/write-freeze.projection.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { WriteFreezeView } from './write-freeze.contract.js';

@Injectable()
export class WriteFreezeQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
  ) {}

  async get(caller: CallerContext): Promise<WriteFreezeView> {
    await this.reads.before(writeFreezeRows.table, caller);
    const row = await this.models.for(writeFreezeRows).find(SYSTEM_TENANT, WRITE_FREEZE_STREAM);
    return {
      frozen: row?.frozen ?? false,
      reason: row?.reason ?? null,
      changed_at: row?.changed_at ?? null,
      changed_by: row?.changed_by ?? null,
    };
  }
}
