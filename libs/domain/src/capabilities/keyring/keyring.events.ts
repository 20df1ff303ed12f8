import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

/** What a key of the keyring is for. */
export const keyPurposes = ['signing', 'encryption', 'backup_signing', 'backup_encryption', 'webhook_signing'] as const;
export type KeyPurpose = (typeof keyPurposes)[number];

const resource = ['platform_key', 'keyId'] as const;

export const keyringEvents = defineEvents({
  /** A new key is in force. Its secret is shown once; what is kept of it is sealed outside the log. */
  PlatformKeyRotated: {
    version: 1,
    data: {
      keyId: t.string,
      purpose: t.oneOf(...keyPurposes),
      /** The key that was in force until now. */
      replacedKeyId: t.nullable(t.string),
      createdAt: t.instant,
      secret: t.object({ id: t.uuid, sha256: t.sha256, size: t.integer, keyId: t.uuid }),
    },
    audit: {
      type: 'security.keyring.rotated',
      category: 'security',
      outcome: 'success',
      resource,
      shows: ['purpose', 'replacedKeyId'],
    },
  },
  /** A key verifies what it signed, and signs no more. */
  PlatformKeyReplaced: {
    version: 1,
    data: { keyId: t.string, purpose: t.oneOf(...keyPurposes), byKeyId: t.string, replacedAt: t.instant },
    audit: {
      type: 'security.keyring.replaced',
      category: 'security',
      outcome: 'success',
      resource,
      shows: ['purpose', 'byKeyId'],
    },
  },
  PlatformKeyRetired: {
    version: 1,
    data: { keyId: t.string, purpose: t.oneOf(...keyPurposes), retiredAt: t.instant },
    audit: {
      type: 'security.keyring.retired',
      category: 'security',
      outcome: 'success',
      resource,
      shows: ['purpose'],
    },
  },
});

export type KeyringEvent = EventOf<typeof keyringEvents>;
