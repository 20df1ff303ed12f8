import type { ApiKeyEvent, Role } from './api-keys.events.js';
import type { KeyScopes } from './key-scopes.decider.js';

export interface KeyState {
  readonly keyHash: string;
  readonly keyPrefix: string;
  readonly role: Role;
  readonly name: string | null;
  readonly userId: string;
  readonly expiresAt: string | null;
  readonly scopes: KeyScopes | null;
  /** Disabled is undone by an activation; revoked is final. */
  readonly status: 'active' | 'disabled' | 'revoked';
  /** The key that a rotation put in its place. */
  readonly replacedBy: string | null;
}

/** All keys of one tenant: the guard stream that knows the limit and the last admin. */
export type ApiKeysState = Readonly<Record<string, KeyState>>;

export function evolve(state: ApiKeysState, event: ApiKeyEvent): ApiKeysState {
  switch (event.type) {
    case 'ApiKeyCreated':
    case 'SelfServeApiKeyCreated': {
      const { keyId, keyHash, keyPrefix, role, name, userId, expiresAt, scopes = null } = event.data;
      const key = { keyHash, keyPrefix, role, name, userId, expiresAt, scopes };
      return { ...state, [keyId]: { ...key, status: 'active', replacedBy: null } };
    }
    case 'ApiKeyUpdated': {
      const { keyId, ...changes } = event.data;
      return changed(state, keyId, changes);
    }
    case 'ApiKeyUserChanged':
      return changed(state, event.data.keyId, { role: event.data.role });
    case 'ApiKeyDeactivated':
      return changed(state, event.data.keyId, { status: 'disabled' });
    case 'ApiKeyReactivated':
      return changed(state, event.data.keyId, { status: 'active' });
    case 'ApiKeyRevoked':
    case 'SelfServeApiKeyRevoked':
      return changed(state, event.data.keyId, { status: 'revoked' });
    case 'ApiKeyRotated': {
      const { keyId, newKeyId, oldKeptActive } = event.data;
      const ended = oldKeptActive ? {} : ({ status: 'revoked' } as const);
      return changed(state, keyId, { replacedBy: newKeyId, ...ended });
    }
    case 'ApiKeyRehashed':
      return changed(state, event.data.keyId, { keyHash: event.data.keyHash });
    case 'ApiKeyUsed':
      return state;
  }
}

/** Who asks, where that decides: operators at the command line may end the last admin key. */
export interface Guarded {
  readonly evenLastAdmin?: boolean;
  /** Keys that are not let in because they were idle for too long; they cannot become usable but by an event of this stream. */
  readonly idleKeyIds?: readonly string[];
}

/** The key of an id that a caller may have made up. */
export function keyIn(state: ApiKeysState, keyId: string): KeyState | undefined {
  return Object.hasOwn(state, keyId) ? state[keyId] : undefined;
}

/** Not revoked, not disabled, not expired: what the limit counts. */
export function isActiveKey({ status, expiresAt }: Pick<KeyState, 'status' | 'expiresAt'>, now: string): boolean {
  return status === 'active' && (expiresAt === null || expiresAt > now);
}

function changed(state: ApiKeysState, keyId: string, change: Partial<KeyState>): ApiKeysState {
  const key = keyIn(state, keyId);
  if (key === undefined || key.status === 'revoked') return state;
  return { ...state, [keyId]: { ...key, ...change } };
}

/** Whether a tenant would be left without a key that is let in everywhere as an admin, and had this one until now. */
export function endsLastAdmin(
  state: ApiKeysState,
  keyId: string,
  next: KeyState,
  { evenLastAdmin = false, idleKeyIds = [] }: Guarded,
  now: string,
): boolean {
  const works = (id: string, key: KeyState): boolean =>
    key.role === 'admin' && key.scopes === null && isActiveKey(key, now) && !idleKeyIds.includes(id);
  const key = keyIn(state, keyId);
  if (evenLastAdmin || key === undefined || !works(keyId, key) || works(keyId, next)) return false;
  return !Object.entries(state).some(([id, other]) => id !== keyId && works(id, other));
}
