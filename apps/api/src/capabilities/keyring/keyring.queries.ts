import { Injectable } from '@nestjs/common';
import type { PlatformKey } from '#domain/capabilities/keyring/keyring.decider.js';
import { platformKeyRows } from '#domain/capabilities/keyring/keyring.projection.js';
import type { RowOf } from '#domain/kernel/projection.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import { Page } from '#api/http/paging.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { KeyringQuery, PlatformKeyView } from './keyring.contract.js';

type Row = RowOf<typeof platformKeyRows.columns>;

/** Whose keys a caller manages: the platform's for its operators, the own tenant's for other admins. */
export function ownerOf(caller: CallerContext): string {
  return caller.platformOperator ? SYSTEM_TENANT : caller.tenantId;
}

@Injectable()
export class KeyringQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
  ) {}

  /** Newest first. */
  async list(query: KeyringQuery, caller: CallerContext): Promise<Page<PlatformKeyView>> {
    await this.reads.before(platformKeyRows.table, caller);
    const { purpose, status, limit, cursor } = query;
    const where = { ...(purpose === undefined ? {} : { purpose }), ...(status === undefined ? {} : { status }) };
    const { rows, next } = await this.models.for(platformKeyRows).page(ownerOf(caller), {
      where,
      orderBy: [['created_at', 'desc']],
      limit,
      cursor,
    });
    return new Page(rows.map(viewOfRow), next);
  }
}

function viewOfRow({ id, purpose, status, created_at, activated_at, retired_at }: Row): PlatformKeyView {
  return { key_id: id, purpose, status, created_at, activated_at, retired_at };
}

export function viewOfKey({ keyId, purpose, status, createdAt, retiredAt }: PlatformKey): PlatformKeyView {
  return {
    key_id: keyId,
    purpose,
    status,
    created_at: createdAt,
    activated_at: createdAt,
    retired_at: retiredAt,
  };
}
