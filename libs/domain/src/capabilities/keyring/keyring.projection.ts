import { defineProjection } from '../../kernel/projection.js';
import type { KeyringEvent } from './keyring.events.js';

export const platformKeyRows = defineProjection<KeyringEvent>()({
  table: 'platform_keys',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    purpose: 'text',
    status: 'text',
    created_at: 'timestamptz',
    activated_at: 'timestamptz',
    retired_at: 'timestamptz?',
    secret_content_id: 'text',
  },
  indexes: [['tenant_id', 'created_at', 'id']],
  key: (event) => event.data.keyId,
  on: {
    PlatformKeyRotated: (event) => ({
      id: event.data.keyId,
      tenant_id: event.tenantId,
      purpose: event.data.purpose,
      status: 'active',
      created_at: event.data.createdAt,
      activated_at: event.data.createdAt,
      retired_at: null,
      secret_content_id: event.data.secret.id,
    }),
    PlatformKeyReplaced: (event, row) => row && { ...row, status: 'retiring', retired_at: event.data.replacedAt },
    PlatformKeyRetired: (event, row) => row && { ...row, status: 'retired', retired_at: event.data.retiredAt },
  },
});
