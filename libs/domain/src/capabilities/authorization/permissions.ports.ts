/** Kinds of principals that a permission is given to. */
export const principalTypes = ['user', 'api_key', 'group', 'role'] as const;
export type PrincipalType = (typeof principalTypes)[number];

export const permissions = ['read', 'write', 'delete', 'reindex', 'owner'] as const;
export type Permission = (typeof permissions)[number];

/** What needs a permission on the document; `manage` is an admin's, whoever owns it. */
export type Guarded = 'read' | 'write' | 'delete' | 'reindex';

/** The permissions of which any suffices. */
export const sufficient: Readonly<Record<Guarded, readonly Permission[]>> = {
  read: ['read', 'write', 'delete', 'reindex', 'owner'],
  write: ['write', 'delete', 'owner'],
  delete: ['delete', 'owner'],
  reindex: ['reindex', 'owner'],
};

export interface Grant {
  readonly permissionId: string;
  readonly principalType: PrincipalType;
  readonly principalId: string;
  readonly permission: Permission;
  readonly grantedBy: string | null;
  readonly expiresAt: string | null;
}

/** Whom grants are held against. */
export interface Grantee {
  readonly subjectId: string;
  readonly role: string;
  /** Of who proved itself by an API key. */
  readonly apiKeyId: string | undefined;
  readonly groups: readonly string[];
}

/** A principal as one text, by which grants are looked for. */
export function principalText(type: PrincipalType, id: string): string {
  return `${type}:${id}`;
}

/** All that a grant may name to mean the grantee. */
export function principalsOf({ subjectId, role, apiKeyId, groups }: Grantee): readonly string[] {
  return [
    principalText('user', subjectId),
    principalText('role', role),
    ...(apiKeyId === undefined ? [] : [principalText('api_key', apiKeyId)]),
    ...groups.map((group) => principalText('group', group)),
  ];
}

/** Instants as ISO texts in UTC, which sort by time. */
export function isExpired({ expiresAt }: Pick<Grant, 'expiresAt'>, now: string): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** The grant by which the grantee may do it; undefined when there is none. */
export function grantFor(grants: readonly Grant[], action: Guarded, grantee: Grantee, now: string): Grant | undefined {
  const named = new Set(principalsOf(grantee));
  return grants.find(
    (grant) =>
      sufficient[action].includes(grant.permission) &&
      named.has(principalText(grant.principalType, grant.principalId)) &&
      !isExpired(grant, now),
  );
}

/** How a document came in, as far as it says whose it is. */
export interface Origin {
  readonly jobId: string;
  readonly owner: string | null;
  readonly shared: boolean;
}

const ofRoles: readonly (readonly [role: string, permission: Permission])[] = [
  ['reader', 'read'],
  ['editor', 'owner'],
  ['admin', 'owner'],
];

/** The grants that a document begins with: its owner's, and where it is shared those of the roles. */
export function firstGrants({ jobId, owner, shared }: Origin): readonly Grant[] {
  const known = { grantedBy: owner, expiresAt: null };
  const own: readonly Grant[] =
    owner === null
      ? []
      : [{ permissionId: jobId, principalType: 'user', principalId: owner, permission: 'owner', ...known }];
  if (!shared) return own;
  const byRole = ofRoles.map(([role, permission]): Grant => {
    const permissionId = `${jobId}.${role}`;
    return { permissionId, principalType: 'role', principalId: role, permission, ...known };
  });
  return [...own, ...byRole];
}
