import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const roles = ['reader', 'editor', 'admin'] as const;
export type Role = (typeof roles)[number];

const resource = ['api_key', 'keyId'] as const;

export const apiKeyEvents = defineEvents({
  ApiKeyCreated: {
    version: 1,
    data: {
      keyId: t.uuid,
      /** Hex SHA-256 of the whole key; the key itself is shown once and kept nowhere. */
      keyHash: t.sha256,
      keyPrefix: t.string,
      name: t.nullable(t.string),
      role: t.oneOf(...roles),
      userId: t.string,
      email: t.optional(t.personal('userId')),
      expiresAt: t.nullable(t.instant),
    },
    audit: {
      type: 'auth.api_key.created',
      category: 'security',
      outcome: 'success',
      resource,
      shows: ['keyPrefix', 'name', 'role', 'userId', 'expiresAt'],
    },
  },
  ApiKeyRevoked: {
    version: 1,
    data: { keyId: t.uuid },
    audit: { type: 'auth.api_key.revoked', category: 'security', outcome: 'success', resource },
  },
  ApiKeyRotated: {
    version: 1,
    data: { keyId: t.uuid, newKeyId: t.uuid, oldKeptActive: t.boolean },
    audit: {
      type: 'auth.api_key.rotated',
      category: 'security',
      outcome: 'success',
      resource,
      shows: ['newKeyId', 'oldKeptActive'],
    },
  },
});

export type ApiKeyEvent = EventOf<typeof apiKeyEvents>;
