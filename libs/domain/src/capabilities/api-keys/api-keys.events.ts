import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t, type JsonObject } from '../../kernel/schema.js';

export const roles = ['reader', 'editor', 'admin'] as const;
export type Role = (typeof roles)[number];

const resource = ['api_key', 'keyId'] as const;

/** What a key may be used for beyond its role; an absent list allows all. */
const scopes = t.object({
  corpora: t.optional(t.array(t.string)),
  networks: t.optional(t.array(t.string)),
  routes: t.optional(t.array(t.string)),
});

const created = {
  keyId: t.uuid,
  /** Hex SHA-256 of the whole key, or its HMAC under the pepper; the key itself is shown once and kept nowhere. */
  keyHash: t.sha256,
  keyPrefix: t.string,
  name: t.nullable(t.string),
  role: t.oneOf(...roles),
  userId: t.string,
  email: t.optional(t.personal('userId')),
  expiresAt: t.nullable(t.instant),
  scopes: t.optional(scopes),
};
const createdShows = ['keyPrefix', 'name', 'role', 'userId', 'expiresAt', 'scopes'] as const;
const of = (type: string, shows: readonly string[] = []) =>
  ({ type, category: 'security', outcome: 'success', resource, shows }) as const;

export const apiKeyEvents = defineEvents({
  ApiKeyCreated: {
    version: 2,
    data: created,
    audit: of('auth.api_key.created', createdShows),
    /** Version 1 had no scopes, which are optional. */
    upcasters: { 1: (data: JsonObject) => data },
  },
  SelfServeApiKeyCreated: { version: 1, data: created, audit: of('selfserve.api_key.created', createdShows) },
  ApiKeyUpdated: {
    version: 1,
    /** Absent is unchanged; null clears. */
    data: {
      keyId: t.uuid,
      name: t.optional(t.nullable(t.string)),
      expiresAt: t.optional(t.nullable(t.instant)),
      scopes: t.optional(t.nullable(scopes)),
    },
    audit: of('auth.api_key.updated', ['name', 'expiresAt', 'scopes']),
  },
  ApiKeyUserChanged: {
    version: 1,
    data: { keyId: t.uuid, userId: t.string, role: t.oneOf(...roles), email: t.optional(t.personal('userId')) },
    audit: of('identity.role.changed', ['userId', 'role']),
  },
  ApiKeyDeactivated: { version: 1, data: { keyId: t.uuid }, audit: of('auth.api_key.deactivated') },
  ApiKeyReactivated: { version: 1, data: { keyId: t.uuid }, audit: of('auth.api_key.reactivated') },
  ApiKeyRevoked: { version: 1, data: { keyId: t.uuid }, audit: of('auth.api_key.revoked') },
  SelfServeApiKeyRevoked: { version: 1, data: { keyId: t.uuid }, audit: of('selfserve.api_key.revoked') },
  ApiKeyRotated: {
    version: 1,
    data: { keyId: t.uuid, newKeyId: t.uuid, oldKeptActive: t.boolean },
    audit: of('auth.api_key.rotated', ['newKeyId', 'oldKeptActive']),
  },
  /** The same key under another hash: a pepper was set, changed or taken away. */
  ApiKeyRehashed: { version: 1, data: { keyId: t.uuid, keyHash: t.sha256 }, audit: of('auth.api_key.rehashed') },
  /** At most one in five minutes, on a stream of the key's own. */
  ApiKeyUsed: {
    version: 1,
    data: { keyId: t.uuid },
    audit: { type: 'auth.api_key.used', category: 'auth', outcome: 'success', resource },
  },
});

export type ApiKeyEvent = EventOf<typeof apiKeyEvents>;
