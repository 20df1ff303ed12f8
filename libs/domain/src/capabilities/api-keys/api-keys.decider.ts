import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { defineErrors, refuse, type Refusal } from '../../kernel/errors.js';
import type { ApiKeyEvent, Role } from './api-keys.events.js';
import { areSame, normalScopes, type KeyScopes } from './key-scopes.decider.js';
import {
  endsLastAdmin,
  evolve,
  isActiveKey,
  keyIn,
  type ApiKeysState,
  type Guarded,
  type KeyState,
} from './key-state.decider.js';

export const apiKeyErrors = defineErrors('api-keys', {
  notFound: ['not_found', 'NOT_FOUND', 'No such API key'],
  alreadyRevoked: ['conflict', 'API_KEY_REVOKED', 'The key is revoked, which is final'],
  lastAdmin: ['conflict', 'API_KEY_LAST_ADMIN', 'The last working admin key of a tenant stays as it is'],
  limitReached: ['conflict', 'KEY_LIMIT_REACHED', 'The tenant has as many active keys as it may have'],
  expiryInPast: ['validation', 'VALIDATION_ERROR', 'The expiry must be in the future'],
  activeAndRevoked: ['validation', 'VALIDATION_ERROR', 'A key is not activated and revoked at once'],
});

/** What a new key is stored as; made where randomness is allowed. */
export interface NewKey {
  readonly keyId: string;
  readonly keyHash: string;
  readonly keyPrefix: string;
}

export interface CreateApiKey {
  readonly type: 'CreateApiKey';
  readonly data: NewKey & {
    readonly name: string | null;
    readonly role: Role;
    readonly userId: string;
    readonly email?: string;
    readonly expiresAt: string | null;
    readonly scopes?: KeyScopes | null;
    /** Made by an admin of the tenant through the API; then at most this many keys may be active. */
    readonly selfServe?: { readonly maxActive: number };
  };
}

export interface UpdateApiKey {
  readonly type: 'UpdateApiKey';
  /** Absent is unchanged; null clears. */
  readonly data: Guarded & {
    readonly keyId: string;
    readonly name?: string | null;
    readonly expiresAt?: string | null;
    readonly scopes?: KeyScopes | null;
    readonly active?: boolean;
    readonly revoke?: boolean;
    readonly maxActive: number;
  };
}

export interface RevokeApiKey {
  readonly type: 'RevokeApiKey';
  readonly data: Guarded & { readonly keyId: string; readonly selfServe?: boolean };
}

export interface RotateApiKey {
  readonly type: 'RotateApiKey';
  readonly data: {
    readonly oldKeyId: string;
    readonly newKey: NewKey;
    readonly name?: string;
    readonly keepOldActive: boolean;
  };
}

export interface RehashApiKey {
  readonly type: 'RehashApiKey';
  readonly data: { readonly keyId: string; readonly keyHash: string };
}

export type ApiKeyCommand = CreateApiKey | UpdateApiKey | RevokeApiKey | RotateApiKey | RehashApiKey;

/** The id of a tenant's one key stream. */
export const API_KEYS_STREAM_ID = 'all';

export const apiKeys = defineDecider<ApiKeyCommand, ApiKeyEvent, ApiKeysState>({
  category: 'apiKeys',
  initial: {},
  decide: (command, state, facts) => {
    switch (command.type) {
      case 'CreateApiKey':
        return create(command, state, facts);
      case 'UpdateApiKey':
        return update(command, state, facts);
      case 'RevokeApiKey':
        return revoke(command, state, facts);
      case 'RotateApiKey':
        return rotate(command, state);
      case 'RehashApiKey':
        return rehash(command, state);
    }
  },
  evolve,
});

function create({ data }: CreateApiKey, state: ApiKeysState, facts: Facts): Decision<ApiKeyEvent> {
  const { selfServe, scopes, ...rest } = data;
  if (data.expiresAt !== null && data.expiresAt <= facts.now) return refuse(apiKeyErrors.expiryInPast);
  if (selfServe !== undefined && isFull(state, selfServe.maxActive, facts.now))
    return limitReached(selfServe.maxActive);
  const limits = normalScopes(scopes);
  const key = { ...rest, ...(limits === null ? {} : { scopes: limits }) };
  const type = selfServe === undefined ? 'ApiKeyCreated' : 'SelfServeApiKeyCreated';
  return [...otherKeysOfUser(data, state), { type, data: key }];
}

/** The role and the address are the user's: a key made for a known user with others changes all keys of that user. */
function otherKeysOfUser({ userId, role, email }: CreateApiKey['data'], state: ApiKeysState): readonly ApiKeyEvent[] {
  return Object.entries(state).flatMap(([keyId, key]): ApiKeyEvent[] => {
    if (key.userId !== userId || key.status === 'revoked') return [];
    if (key.role === role && email === undefined) return [];
    const data = { keyId, userId, role, ...(email === undefined ? {} : { email }) };
    return [{ type: 'ApiKeyUserChanged', data }];
  });
}

function isFull(state: ApiKeysState, maxActive: number, now: string): boolean {
  return Object.values(state).filter((key) => isActiveKey(key, now)).length >= maxActive;
}

function limitReached(maxActive: number): Refusal {
  return refuse(apiKeyErrors.limitReached, { max_active: maxActive });
}

function update({ data }: UpdateApiKey, state: ApiKeysState, { now }: Facts): Decision<ApiKeyEvent> {
  const { keyId, active, revoke: ends } = data;
  const key = keyIn(state, keyId);
  if (key === undefined) return refuse(apiKeyErrors.notFound);
  if (ends === true && active === true) return refuse(apiKeyErrors.activeAndRevoked);
  const events = [...fieldChanges(data, key), ...statusChanges(data, key)];
  if (events.length === 0) return [];
  if (key.status === 'revoked') return refuse(apiKeyErrors.alreadyRevoked);
  return afterwards(data, key, state, events, now) ?? events;
}

/** What speaks against the state that an update would leave. */
function afterwards(
  data: UpdateApiKey['data'],
  key: KeyState,
  state: ApiKeysState,
  events: readonly ApiKeyEvent[],
  now: string,
): Refusal | undefined {
  const next = keyIn(events.reduce(evolve, state), data.keyId) ?? key;
  if (endsLastAdmin(state, data.keyId, next, data, now)) return refuse(apiKeyErrors.lastAdmin);
  const comesBack = !isActiveKey(key, now) && isActiveKey(next, now);
  return comesBack && isFull(state, data.maxActive, now) ? limitReached(data.maxActive) : undefined;
}

/** An activation is told even of an active key: it begins its time of inactivity anew. */
function statusChanges({ keyId, active, revoke: ends }: UpdateApiKey['data'], key: KeyState): readonly ApiKeyEvent[] {
  if (active === true) return [{ type: 'ApiKeyReactivated', data: { keyId } }];
  if (ends === true) return key.status === 'revoked' ? [] : [{ type: 'ApiKeyRevoked', data: { keyId } }];
  return active === false && key.status === 'active' ? [{ type: 'ApiKeyDeactivated', data: { keyId } }] : [];
}

function fieldChanges({ keyId, name, expiresAt, scopes }: UpdateApiKey['data'], key: KeyState): readonly ApiKeyEvent[] {
  const limits = scopes === undefined ? undefined : normalScopes(scopes);
  const fields = {
    ...(name === undefined || name === key.name ? {} : { name }),
    ...(expiresAt === undefined || expiresAt === key.expiresAt ? {} : { expiresAt }),
    ...(limits === undefined || areSame(limits, key.scopes) ? {} : { scopes: limits }),
  };
  return Object.keys(fields).length === 0 ? [] : [{ type: 'ApiKeyUpdated', data: { keyId, ...fields } }];
}

function revoke({ data }: RevokeApiKey, state: ApiKeysState, { now }: Facts): Decision<ApiKeyEvent> {
  const { keyId, selfServe = false } = data;
  const key = keyIn(state, keyId);
  if (key === undefined) return refuse(apiKeyErrors.notFound);
  if (key.status === 'revoked') return [];
  if (endsLastAdmin(state, keyId, { ...key, status: 'revoked' }, data, now)) return refuse(apiKeyErrors.lastAdmin);
  return [{ type: selfServe ? 'SelfServeApiKeyRevoked' : 'ApiKeyRevoked', data: { keyId } }];
}

function rotate({ data }: RotateApiKey, state: ApiKeysState): Decision<ApiKeyEvent> {
  const { oldKeyId, newKey, name, keepOldActive } = data;
  const old = keyIn(state, oldKeyId);
  if (old === undefined) return refuse(apiKeyErrors.notFound);
  if (old.status === 'revoked') return refuse(apiKeyErrors.alreadyRevoked);
  const { role, userId, expiresAt, scopes } = old;
  const limits = scopes === null ? {} : { scopes };
  return [
    { type: 'ApiKeyCreated', data: { ...newKey, name: name ?? old.name, role, userId, expiresAt, ...limits } },
    { type: 'ApiKeyRotated', data: { keyId: oldKeyId, newKeyId: newKey.keyId, oldKeptActive: keepOldActive } },
  ];
}

function rehash({ data: { keyId, keyHash } }: RehashApiKey, state: ApiKeysState): Decision<ApiKeyEvent> {
  const key = keyIn(state, keyId);
  if (key === undefined || key.status === 'revoked' || key.keyHash === keyHash) return [];
  return [{ type: 'ApiKeyRehashed', data: { keyId, keyHash } }];
}
