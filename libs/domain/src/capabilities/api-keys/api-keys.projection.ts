import { defineProjection } from '../../kernel/projection.js';
import type { ApiKeyEvent } from './api-keys.events.js';

export const apiKeyRows = defineProjection<ApiKeyEvent>()({
  table: 'api_keys',
  version: 1,
  columns: {
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
  },
  indexes: [['key_hash'], ['tenant_id', 'created_at']],
  key: (event) => event.data.keyId,
  on: {
    ApiKeyCreated: (event) => ({
      id: event.data.keyId,
      tenant_id: event.tenantId,
      key_hash: event.data.keyHash,
      key_prefix: event.data.keyPrefix,
      name: event.data.name,
      role: event.data.role,
      user_id: event.data.userId,
      email: event.data.email ?? null,
      created_at: event.occurredAt,
      expires_at: event.data.expiresAt,
      revoked_at: null,
    }),
    ApiKeyRevoked: (event, row) => row && { ...row, revoked_at: row.revoked_at ?? event.occurredAt },
    ApiKeyRotated: (event, row) =>
      row && !event.data.oldKeptActive ? { ...row, revoked_at: row.revoked_at ?? event.occurredAt } : row,
  },
});
