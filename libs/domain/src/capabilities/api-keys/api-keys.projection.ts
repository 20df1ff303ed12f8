import { defineProjection, type RowOf } from '../../kernel/projection.js';
import type { Recorded } from '../../kernel/events.js';
import type { ApiKeyEvent } from './api-keys.events.js';

const columns = {
  id: 'text',
  tenant_id: 'text',
  key_hash: 'text',
  key_prefix: 'text',
  name: 'text?',
  role: 'text',
  user_id: 'text',
  email: 'text?',
  created_at: 'timestamptz',
  expires_at: 'timestamptz?',
  revoked_at: 'timestamptz?',
  disabled_at: 'timestamptz?',
  /** The anchor of inactivity: the last use, or the last reactivation. */
  last_used_at: 'timestamptz?',
  scopes: 'jsonb?',
} as const;

export type ApiKeyRow = RowOf<typeof columns>;
type Created = Extract<ApiKeyEvent, { readonly type: 'ApiKeyCreated' | 'SelfServeApiKeyCreated' }>;

export const apiKeyRows = defineProjection<ApiKeyEvent>()({
  table: 'api_keys',
  version: 2,
  columns,
  indexes: [['key_hash'], ['tenant_id', 'created_at']],
  key: (event) => event.data.keyId,
  on: {
    ApiKeyCreated: (event) => rowOf(event),
    SelfServeApiKeyCreated: (event) => rowOf(event),
    ApiKeyUpdated: ({ data }, row) =>
      row && {
        ...row,
        ...(data.name === undefined ? {} : { name: data.name }),
        ...(data.expiresAt === undefined ? {} : { expires_at: data.expiresAt }),
        ...(data.scopes === undefined ? {} : { scopes: data.scopes }),
      },
    ApiKeyUserChanged: ({ data }, row) => row && { ...row, role: data.role, email: data.email ?? row.email },
    ApiKeyDeactivated: (event, row) => row && { ...row, disabled_at: row.disabled_at ?? event.occurredAt },
    ApiKeyReactivated: (event, row) => row && { ...row, disabled_at: null, last_used_at: event.occurredAt },
    ApiKeyRevoked: (event, row) => row && revoked(row, event.occurredAt),
    SelfServeApiKeyRevoked: (event, row) => row && revoked(row, event.occurredAt),
    ApiKeyRotated: (event, row) => row && (event.data.oldKeptActive ? row : revoked(row, event.occurredAt)),
    ApiKeyRehashed: (event, row) => row && { ...row, key_hash: event.data.keyHash },
    ApiKeyUsed: (event, row) => row && used(row, event.occurredAt),
  },
});

const DAY_MS = 86_400_000;

/** Whole days since the key was last used, activated or made. `now` is in milliseconds. */
export function idleDays(row: Pick<ApiKeyRow, 'last_used_at' | 'created_at'>, now: number): number {
  return Math.max(0, Math.floor((now - Date.parse(row.last_used_at ?? row.created_at)) / DAY_MS));
}

function rowOf(event: Recorded<Created>): ApiKeyRow {
  const { keyId, keyHash, keyPrefix, name, role, userId, email = null, expiresAt, scopes = null } = event.data;
  return {
    id: keyId,
    tenant_id: event.tenantId,
    key_hash: keyHash,
    key_prefix: keyPrefix,
    name,
    role,
    user_id: userId,
    email,
    created_at: event.occurredAt,
    expires_at: expiresAt,
    revoked_at: null,
    disabled_at: null,
    last_used_at: null,
    scopes,
  };
}

function revoked(row: ApiKeyRow, at: string): ApiKeyRow {
  return row.revoked_at === null ? { ...row, revoked_at: at } : row;
}

/** Uses of several processes may come out of order. */
function used(row: ApiKeyRow, at: string): ApiKeyRow {
  return row.last_used_at === null || row.last_used_at < at ? { ...row, last_used_at: at } : row;
}
