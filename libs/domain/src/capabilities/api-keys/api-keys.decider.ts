import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import type { ApiKeyEvent, Role } from './api-keys.events.js';

export const apiKeyErrors = defineErrors('api-keys', {
  notFound: ['not_found', 'NOT_FOUND', 'No such API key'],
  alreadyRevoked: ['conflict', 'API_KEY_REVOKED', 'The key is revoked, which is final'],
  lastAdmin: ['conflict', 'API_KEY_LAST_ADMIN', 'The last admin key of a tenant cannot be revoked'],
  expiryInPast: ['validation', 'VALIDATION_ERROR', 'The expiry must be in the future'],
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
  };
}

export interface RevokeApiKey {
  readonly type: 'RevokeApiKey';
  readonly data: {
    readonly keyId: string;
    /** Operators at the command line may revoke the last one. */ readonly evenLastAdmin?: boolean;
  };
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

export type ApiKeyCommand = CreateApiKey | RevokeApiKey | RotateApiKey;

export interface KeyState {
  readonly keyHash: string;
  readonly role: Role;
  readonly name: string | null;
  readonly userId: string;
  readonly expiresAt: string | null;
  readonly revoked: boolean;
}

/** All keys of one tenant: the guard stream that knows the last admin. */
export type ApiKeysState = Readonly<Record<string, KeyState>>;

/** The id of a tenant's one key stream. */
export const API_KEYS_STREAM_ID = 'all';

export const apiKeys = defineDecider<ApiKeyCommand, ApiKeyEvent, ApiKeysState>({
  category: 'apiKeys',
  initial: {},
  decide: (command, state, facts) => {
    switch (command.type) {
      case 'CreateApiKey':
        return create(command, facts);
      case 'RevokeApiKey':
        return revoke(command, state, facts);
      case 'RotateApiKey':
        return rotate(command, state);
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'ApiKeyCreated': {
        const { keyId, keyHash, role, name, userId, expiresAt } = event.data;
        return { ...state, [keyId]: { keyHash, role, name, userId, expiresAt, revoked: false } };
      }
      case 'ApiKeyRevoked':
        return withRevoked(state, event.data.keyId);
      case 'ApiKeyRotated':
        return event.data.oldKeptActive ? state : withRevoked(state, event.data.keyId);
    }
  },
});

function withRevoked(state: ApiKeysState, keyId: string): ApiKeysState {
  const key = state[keyId];
  return key === undefined ? state : { ...state, [keyId]: { ...key, revoked: true } };
}

function create(command: CreateApiKey, facts: Facts): Decision<ApiKeyEvent> {
  const { expiresAt } = command.data;
  if (expiresAt !== null && expiresAt <= facts.now) return refuse(apiKeyErrors.expiryInPast);
  return [{ type: 'ApiKeyCreated', data: command.data }];
}

function revoke(command: RevokeApiKey, state: ApiKeysState, facts: Facts): Decision<ApiKeyEvent> {
  const { keyId, evenLastAdmin = false } = command.data;
  const key = state[keyId];
  if (key === undefined) return refuse(apiKeyErrors.notFound);
  if (key.revoked) return [];
  if (!evenLastAdmin && isLastAdmin(state, keyId, facts.now)) return refuse(apiKeyErrors.lastAdmin);
  return [{ type: 'ApiKeyRevoked', data: { keyId } }];
}

function isLastAdmin(state: ApiKeysState, keyId: string, now: string): boolean {
  const works = (key: KeyState): boolean =>
    key.role === 'admin' && !key.revoked && (key.expiresAt === null || key.expiresAt > now);
  const admins = Object.entries(state).filter(([, key]) => works(key));
  return admins.length === 1 && admins[0]?.[0] === keyId;
}

function rotate(command: RotateApiKey, state: ApiKeysState): Decision<ApiKeyEvent> {
  const { oldKeyId, newKey, name, keepOldActive } = command.data;
  const old = state[oldKeyId];
  if (old === undefined) return refuse(apiKeyErrors.notFound);
  if (old.revoked) return refuse(apiKeyErrors.alreadyRevoked);
  const { role, userId, expiresAt } = old;
  return [
    { type: 'ApiKeyCreated', data: { ...newKey, name: name ?? old.name, role, userId, expiresAt } },
    { type: 'ApiKeyRotated', data: { keyId: oldKeyId, newKeyId: newKey.keyId, oldKeptActive: keepOldActive } },
  ];
}
