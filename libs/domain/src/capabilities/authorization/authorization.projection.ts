import { defineProjection, type RowOf } from '../../kernel/projection.js';
import { streamIdOf } from '../../kernel/streams.js';
import type { Json } from '../../kernel/schema.js';
import type { DocumentEvent } from '../documents/documents.events.js';
import type { PermissionEvent, PolicyEvent } from './authorization.events.js';
import { withGrant, withoutGrant } from './document-acl.decider.js';
import { firstGrants, principalText, sufficient, type Grant } from './permissions.ports.js';

const policyColumns = {
  id: 'text',
  tenant_id: 'text',
  name: 'text',
  policy_version: 'integer',
  effect: 'text',
  resource_type: 'text',
  action: 'text',
  condition: 'jsonb?',
  priority: 'integer',
  enabled: 'boolean',
  created_by: 'text?',
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
} as const;

export type PolicyRow = RowOf<typeof policyColumns>;

/** Every policy; every process holds them in memory. Those of `_system` concern all tenants. */
export const policyRows = defineProjection<PolicyEvent>()({
  table: 'authz_policies',
  version: 1,
  columns: policyColumns,
  key: (event) => event.data.policyId,
  on: {
    AuthzPolicyCreated: (event) => ({
      id: event.data.policyId,
      tenant_id: event.tenantId,
      ...saidBy(event.data),
      policy_version: 1,
      created_by: event.data.createdBy,
      created_at: event.occurredAt,
      updated_at: event.occurredAt,
    }),
    AuthzPolicyUpdated: (event, row) =>
      row && {
        ...row,
        ...saidBy(event.data),
        policy_version: event.data.policyVersion,
        updated_at: event.occurredAt,
      },
    AuthzPolicyEnabled: (event, row) => row && { ...row, enabled: true, updated_at: event.occurredAt },
    AuthzPolicyDisabled: (event, row) => row && { ...row, enabled: false, updated_at: event.occurredAt },
    AuthzPolicyDeleted: () => null,
  },
});

type Said = Extract<PolicyEvent, { type: 'AuthzPolicyUpdated' | 'AuthzPolicyCreated' }>['data'];

function saidBy({ name, effect, resourceType, action, condition, priority, enabled }: Said) {
  return { name, effect, resource_type: resourceType, action, condition, priority, enabled };
}

const aclColumns = {
  /** The uuid of the document's stream. */
  id: 'text',
  tenant_id: 'text',
  document_id: 'text',
  /** Every grant, with when it was given. */
  grants: 'jsonb',
  /** Who may read for ever, as `user:<id>`, `role:<role>`, `api_key:<id>`, `group:<name>`. */
  readers: 'text[]',
  /** Who may read until when: a list of {who, until}; null where there is nobody. */
  guests: 'jsonb?',
} as const;

export type DocumentAclRow = RowOf<typeof aclColumns>;

/** A grant as its row keeps it. */
export type GrantedAt = Grant & { readonly createdAt: string };

/** Who may do what with each document, in a form that a search can be held against. */
export const documentAclRows = defineProjection<DocumentEvent | PermissionEvent>()({
  table: 'document_acls',
  version: 1,
  columns: aclColumns,
  key: (event) => streamIdOf(event.stream),
  on: {
    DocumentSubmitted: (event, row) => {
      if (row !== undefined) return row;
      const { documentId } = event.data;
      const base = { id: streamIdOf(event.stream), tenant_id: event.tenantId, document_id: documentId };
      return withGrants(base, dated(firstGrants(event.data), [], event.occurredAt));
    },
    DocumentPermissionGranted: (event, row) => {
      if (row === undefined) return row;
      const before = grantsOf(row);
      return withGrants(row, dated(withGrant(before, event.data), before, event.occurredAt));
    },
    DocumentPermissionRevoked: (event, row) => {
      if (row === undefined) return row;
      const before = grantsOf(row);
      return withGrants(row, dated(withoutGrant(before, event.data.permissionId), before, event.occurredAt));
    },
    DocumentDeleted: () => null,
  },
});

export function grantsOf({ grants }: Pick<DocumentAclRow, 'grants'>): readonly GrantedAt[] {
  return grants as unknown as readonly GrantedAt[];
}

/** A renewed grant keeps the time when it was first given. */
function dated(grants: readonly Grant[], before: readonly GrantedAt[], now: string): readonly GrantedAt[] {
  return grants.map((grant) => {
    const createdAt = before.find(({ permissionId }) => permissionId === grant.permissionId)?.createdAt ?? now;
    return { ...grant, createdAt };
  });
}

function withGrants(
  { id, tenant_id, document_id }: Pick<DocumentAclRow, 'id' | 'tenant_id' | 'document_id'>,
  grants: readonly GrantedAt[],
): DocumentAclRow {
  const reading = grants.filter(({ permission }) => sufficient.read.includes(permission));
  const nameOf = ({ principalType, principalId }: Grant): string => principalText(principalType, principalId);
  const readers = [...new Set(reading.filter(({ expiresAt }) => expiresAt === null).map(nameOf))];
  const guests = reading.flatMap((grant) => {
    const { expiresAt: until } = grant;
    return until === null ? [] : [{ who: nameOf(grant), until }];
  });
  return {
    id,
    tenant_id,
    document_id,
    grants: grants as unknown as Json,
    readers,
    guests: guests.length === 0 ? null : guests,
  };
}
