import {
  API_KEYS_STREAM_ID,
  apiKeyErrors,
  apiKeys,
  type CreateApiKey,
  type UpdateApiKey,
} from '#domain/capabilities/api-keys/api-keys.decider.js';
import type { ApiKeyRow } from '#domain/capabilities/api-keys/api-keys.projection.js';
import { areWithin, type KeyScopes } from '#domain/capabilities/api-keys/key-scopes.decider.js';
import { keyIn, type ApiKeysState } from '#domain/capabilities/api-keys/key-state.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { addMillis } from '#domain/kernel/time.js';
import type { Commands } from '#api/commands/commands.js';
import type { CallerContext } from '#api/http/caller.js';
import { httpErrors, invalid } from '#api/http/errors.js';
import type { AccessLog } from '#api/http/gates.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { newId } from '#infra/commands/ids.js';
import type { KeyHasher, MintedKey } from './api-key-secret.adapter.js';
import type { CreatedKeyView, CreateKeyRequest, PatchKeyRequest } from './api-keys.contract.js';
import { viewOf, type ApiKeyQueries } from './api-keys.queries.js';
import { isNetwork, isRoute } from './key-scopes.adapter.js';

const DAY_MS = 86_400_000;

export interface KeyDeskDeps {
  readonly commands: Pick<Commands, 'run'>;
  readonly path: Pick<CommandPath, 'run'>;
  readonly queries: ApiKeyQueries;
  readonly access: AccessLog;
  readonly hasher: KeyHasher;
  readonly maxActive: number;
  readonly inactivity: { readonly enforced: boolean; readonly days: number };
}

/** Where admins of a tenant make, change and end its keys. */
export class KeyDesk {
  constructor(private readonly deps: KeyDeskDeps) {}

  /** Days without use after which a key is reported when nobody says otherwise. */
  get reportedDays(): number {
    return this.deps.inactivity.days;
  }

  /** A new key of a user of its own, with its secret. A refusal by the limit is on record. */
  async create(body: CreateKeyRequest, caller: CallerContext): Promise<CreatedKeyView> {
    const scopes = scopesFor(body.scopes, caller);
    const { maxActive, hasher, queries } = this.deps;
    const { now, newId: userId } = caller.facts;
    const { name = null, role, expires_in_days: days = null } = body;
    const expiresAt = days === null ? null : addMillis(now, days * DAY_MS);
    const minted = hasher.mint();
    const data = { ...minted.stored, name, role, userId, expiresAt, scopes, selfServe: { maxActive } };
    const { keyId, state } = await this.stored(data, minted, caller);
    const row = await queries.written(keyId, state, caller);
    return { ...viewOf(row), api_key: minted.secret };
  }

  async update(keyId: string, body: PatchKeyRequest, caller: CallerContext): Promise<ApiKeyRow> {
    const { name, expires_at: expiresAt, active, revoke } = body;
    const scopes = body.scopes === undefined ? undefined : scopesFor(body.scopes, caller);
    const data: UpdateApiKey['data'] = {
      keyId,
      maxActive: this.deps.maxActive,
      idleKeyIds: await this.idle(caller),
      ...(name === undefined ? {} : { name }),
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString() }),
      ...(active === undefined ? {} : { active }),
      ...(revoke === undefined ? {} : { revoke }),
      ...(scopes === undefined ? {} : { scopes }),
    };
    const command = { type: 'UpdateApiKey', data } as const;
    const { state } = await this.deps.commands.run(apiKeys, API_KEYS_STREAM_ID, command, caller);
    return this.deps.queries.written(keyId, state, caller);
  }

  async revoke(keyId: string, caller: CallerContext): Promise<ApiKeyRow> {
    const data = { keyId, selfServe: true, idleKeyIds: await this.idle(caller) };
    const command = { type: 'RevokeApiKey', data } as const;
    const { state } = await this.deps.commands.run(apiKeys, API_KEYS_STREAM_ID, command, caller);
    return this.deps.queries.written(keyId, state, caller);
  }

  private async idle({ tenantId }: CallerContext): Promise<readonly string[]> {
    const { queries, inactivity } = this.deps;
    return inactivity.enforced ? queries.idleAdmins(tenantId, inactivity.days) : [];
  }

  private async stored(
    data: CreateApiKey['data'],
    minted: MintedKey,
    caller: CallerContext,
  ): Promise<{ readonly keyId: string; readonly state: ApiKeysState }> {
    try {
      const command = { type: 'CreateApiKey', data } as const;
      const { events, state } = await this.deps.commands.run(apiKeys, API_KEYS_STREAM_ID, command, caller);
      const [created] = events;
      const { keyId } = minted.stored;
      if (created === undefined || created.data.keyId === keyId) return { keyId, state };
      return await this.replaced(created.data.keyId, state, minted, caller);
    } catch (error) {
      if (error instanceof CatalogueError && error.row === apiKeyErrors.limitReached) await this.onRecord(caller);
      throw error;
    }
  }

  /**
   * An earlier try stored a key and died before it could show it: that key is of no use to anybody, and the new secret
   * takes its place.
   */
  private async replaced(lostKeyId: string, known: ApiKeysState, minted: MintedKey, caller: CallerContext) {
    let oldKeyId = lostKeyId;
    for (let next = keyIn(known, oldKeyId)?.replacedBy; next != null; next = keyIn(known, oldKeyId)?.replacedBy)
      oldKeyId = next;
    const command = { type: 'RotateApiKey', data: { oldKeyId, newKey: minted.stored, keepOldActive: false } } as const;
    const facts = { ...caller.facts, commandId: newId(), now: new Date().toISOString() };
    const { state } = await this.deps.path.run(apiKeys, API_KEYS_STREAM_ID, command, facts, caller.context);
    return { keyId: minted.stored.keyId, state };
  }

  private async onRecord(caller: CallerContext): Promise<void> {
    const { code } = apiKeyErrors.limitReached;
    const data = { ...caller.called, code, count: 1, windowSeconds: 0, reason: 'limit_reached' } as const;
    await this.deps.access.recorded({ type: 'ApiKeyCreationRefused', data }, caller.accessContext);
  }
}

/** The scopes of a request, when they mean something and a limited key may give them. */
function scopesFor(scopes: KeyScopes | null | undefined, caller: CallerContext): KeyScopes | null {
  const wrong = [
    ...(scopes?.networks ?? []).flatMap((text, at) =>
      isNetwork(text) ? [] : [problem('networks', at, 'must be an address or a network such as 10.0.0.0/8')],
    ),
    ...(scopes?.routes ?? []).flatMap((text, at) =>
      isRoute(text) ? [] : [problem('routes', at, 'must be a rate class or a route such as GET /v1/documents')],
    ),
  ];
  if (wrong.length > 0) throw invalid(wrong);
  if (!areWithin(scopes, caller.principal.scopes)) throw new CatalogueError(httpErrors.forbidden, { scope: 'key' });
  return scopes ?? null;
}

function problem(field: string, at: number, msg: string) {
  return { type: 'value_error', loc: ['body', 'scopes', field, at], msg };
}
