import { Injectable } from '@nestjs/common';
import { apiKeyErrors } from '#domain/capabilities/api-keys/api-keys.decider.js';
import { apiKeyRows, idleDays, type ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { keyIn, type ApiKeysState, type KeyState } from '#domain/capabilities/api-keys/key-state.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { addMillis } from '#domain/kernel/time.js';
import { ReadYourWrites } from '#api/commands/read-your-writes.js';
import type { CallerContext } from '#api/http/caller.js';
import type { PageQuery } from '#api/http/paging.js';
import type { KeyScopes } from '#api/http/principal.js';
import { listHash, readCursor, readModelErrors, writeCursor } from '#infra/read-models/cursor.js';
import { ReadModels } from '#infra/read-models/read-models.js';
import type { AdminKeyView, InactiveKeyView, KeyScopesView } from './api-keys.contract.js';

const SCANNED = 500;

export interface KeyFilter {
  /** Names the filter in the cursor, so that a cursor fits no other list. */
  readonly name: string;
  readonly keep: (row: ApiKeyRow) => boolean;
}

/** What is known of keys, for one tenant at a time. */
@Injectable()
export class ApiKeyQueries {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
  ) {}

  /** A page of the keys that a filter keeps, newest first, and the cursor of the next. */
  async list(
    tenantId: string,
    filter: KeyFilter,
    { limit, cursor }: PageQuery,
    caller: CallerContext,
  ): Promise<{ readonly rows: readonly ApiKeyRow[]; readonly next: string | null }> {
    await this.reads.before(apiKeyRows.table, caller);
    const hash = listHash('api-keys', tenantId, filter.name);
    const after = cursor === undefined ? undefined : placeIn(cursor, hash);
    const rows: ApiKeyRow[] = [];
    for await (const row of this.newestFirst(tenantId, after?.at)) {
      if (after !== undefined && !isAfter(row, after)) continue;
      if (filter.keep(row)) rows.push(row);
      if (rows.length > limit) break;
    }
    const last = rows[limit - 1];
    const next = rows.length > limit && last !== undefined ? writeCursor(hash, [last.created_at, last.id]) : null;
    return { rows: rows.slice(0, limit), next };
  }

  async get(keyId: string, caller: CallerContext): Promise<AdminKeyView> {
    await this.reads.before(apiKeyRows.table, caller);
    const row = await this.models.for(apiKeyRows).find(caller.tenantId, keyId);
    if (row === undefined) throw new CatalogueError(apiKeyErrors.notFound);
    return adminViewOf(row, Date.now());
  }

  /** The row after a command, with what its decision says where the read model is late. */
  async written(keyId: string, state: ApiKeysState, caller: CallerContext): Promise<ApiKeyRow> {
    const key = keyIn(state, keyId);
    if (key === undefined) throw new CatalogueError(apiKeyErrors.notFound);
    const row = await this.models.for(apiKeyRows).find(caller.tenantId, keyId);
    return overlaid(row, keyId, key, caller);
  }

  /** The admin keys that are not let in because nobody used them for so many days. */
  async idleAdmins(tenantId: string, inactiveDays: number): Promise<readonly string[]> {
    const where = { role: 'admin', revoked_at: null, disabled_at: null } as const;
    const now = Date.now();
    const idle: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.models.for(apiKeyRows).page(tenantId, { where, limit: SCANNED, cursor });
      idle.push(...page.rows.filter((row) => idleDays(row, now) >= inactiveDays).map(({ id }) => id));
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return idle;
  }

  private async *newestFirst(tenantId: string, from: string | undefined): AsyncIterable<ApiKeyRow> {
    const where = from === undefined ? {} : { created_at: { before: addMillis(from, 1) } };
    let cursor: string | undefined;
    do {
      const options = { where, orderBy: [['created_at', 'desc']], limit: SCANNED, cursor } as const;
      const page = await this.models.for(apiKeyRows).page(tenantId, options);
      yield* page.rows;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }
}

interface Place {
  readonly at: string;
  readonly id: string;
}

function placeIn(cursor: string, hash: string): Place {
  const [at, id] = readCursor(cursor, hash, 2);
  if (typeof at !== 'string' || typeof id !== 'string' || Number.isNaN(Date.parse(at)))
    throw new CatalogueError(readModelErrors.invalidCursor);
  return { at, id };
}

function isAfter(row: ApiKeyRow, { at, id }: Place): boolean {
  return row.created_at < at || (row.created_at === at && row.id < id);
}

function overlaid(
  row: ApiKeyRow | undefined,
  keyId: string,
  key: KeyState,
  { tenantId, facts }: CallerContext,
): ApiKeyRow {
  const { keyHash, keyPrefix, name, role, userId, expiresAt, scopes, status } = key;
  const times = row ?? { created_at: facts.now, last_used_at: null, email: null, revoked_at: null, disabled_at: null };
  return {
    id: keyId,
    tenant_id: tenantId,
    key_hash: keyHash,
    key_prefix: keyPrefix,
    name,
    role,
    user_id: userId,
    email: times.email,
    created_at: times.created_at,
    last_used_at: times.last_used_at,
    expires_at: expiresAt,
    revoked_at: status === 'revoked' ? (times.revoked_at ?? facts.now) : null,
    disabled_at:
      status === 'disabled' ? (times.disabled_at ?? facts.now) : status === 'active' ? null : times.disabled_at,
    scopes: scopes as ApiKeyRow['scopes'],
  };
}

function baseOf({ id, key_prefix, name, role, created_at, last_used_at, expires_at, scopes }: ApiKeyRow) {
  return { key_id: id, key_prefix, name, role, created_at, last_used_at, expires_at, scopes: scopesOf(scopes) };
}

function scopesOf(stored: ApiKeyRow['scopes']): KeyScopesView | null {
  const scopes = stored as KeyScopes | null;
  if (scopes === null) return null;
  const { corpora, networks, routes } = scopes;
  return {
    ...(corpora === undefined ? {} : { corpora: [...corpora] }),
    ...(networks === undefined ? {} : { networks: [...networks] }),
    ...(routes === undefined ? {} : { routes: [...routes] }),
  };
}

export function isExpired({ expires_at }: Pick<ApiKeyRow, 'expires_at'>, now: number): boolean {
  return expires_at !== null && Date.parse(expires_at) <= now;
}

/** The fields of a KeyView. */
export function viewOf(row: ApiKeyRow) {
  const { revoked_at, disabled_at } = row;
  return { ...baseOf(row), revoked_at, disabled_at, is_active: revoked_at === null && disabled_at === null };
}

export function adminViewOf(row: ApiKeyRow, now: number): AdminKeyView {
  return { ...viewOf(row), is_expired: isExpired(row, now), inactive_days: idleDays(row, now) };
}

export function inactiveViewOf(row: ApiKeyRow, now: number): InactiveKeyView {
  return { ...baseOf(row), inactive_days: idleDays(row, now), is_expired: isExpired(row, now) };
}
