import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

const policy = ['authz_policy', 'policyId'] as const;
const security = { category: 'security', outcome: 'success', resource: policy } as const;
const shown = ['name', 'effect', 'resourceType', 'action', 'priority', 'enabled'] as const;

/** All that a policy says, after the change. */
const said = {
  name: t.string,
  effect: t.oneOf('allow', 'deny'),
  resourceType: t.string,
  action: t.string,
  condition: t.json,
  priority: t.integer,
  enabled: t.boolean,
} as const;

/** Policies: in the one stream of their tenant, or of `_system` for those that concern all tenants. */
export const policyEvents = defineEvents({
  AuthzPolicyCreated: {
    version: 1,
    data: {
      policyId: t.string,
      ...said,
      createdBy: t.nullable(t.string),
      /** Made with the tenant, not by a person; it does not come back once it is deleted. */
      seeded: t.boolean,
    },
    audit: { ...security, type: 'authz.policy.created', shows: [...shown, 'createdBy', 'seeded'] },
  },
  AuthzPolicyUpdated: {
    version: 1,
    data: { policyId: t.string, ...said, policyVersion: t.integer },
    audit: { ...security, type: 'authz.policy.updated', shows: [...shown, 'policyVersion'] },
  },
  AuthzPolicyEnabled: {
    version: 1,
    data: { policyId: t.string },
    audit: { ...security, type: 'authz.policy.enabled' },
  },
  AuthzPolicyDisabled: {
    version: 1,
    data: { policyId: t.string },
    audit: { ...security, type: 'authz.policy.disabled' },
  },
  AuthzPolicyDeleted: {
    version: 1,
    data: { policyId: t.string },
    audit: { ...security, type: 'authz.policy.deleted' },
  },
});

const document = ['document', 'documentId'] as const;
const grant = { category: 'security', outcome: 'success', resource: document } as const;

/** Who may do what with a document: in the document's own stream, so that no grant outlives it or meets its successor. */
export const permissionEvents = defineEvents({
  DocumentPermissionGranted: {
    version: 1,
    data: {
      documentId: t.string,
      permissionId: t.string,
      principalType: t.oneOf('user', 'api_key', 'group', 'role'),
      principalId: t.string,
      permission: t.oneOf('read', 'write', 'delete', 'reindex', 'owner'),
      grantedBy: t.nullable(t.string),
      expiresAt: t.nullable(t.instant),
    },
    audit: {
      ...grant,
      type: 'authz.permission.granted',
      shows: ['permissionId', 'principalType', 'principalId', 'permission', 'grantedBy', 'expiresAt'],
    },
  },
  DocumentPermissionRevoked: {
    version: 1,
    data: { documentId: t.string, permissionId: t.string },
    audit: { ...grant, type: 'authz.permission.revoked', shows: ['permissionId'] },
  },
});

export const authorizationEvents = { ...policyEvents, ...permissionEvents };

export type PolicyEvent = EventOf<typeof policyEvents>;
export type PermissionEvent = EventOf<typeof permissionEvents>;
export type AuthorizationEvent = EventOf<typeof authorizationEvents>;
