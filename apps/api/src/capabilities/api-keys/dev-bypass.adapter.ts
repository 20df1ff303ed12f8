import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import { isTenantId } from '#domain/kernel/streams.js';
import { CredentialRefused, isRole, type AuthAttempt, type Principal } from '#api/http/principal.js';

/** For development only: the caller names its tenant, its role and its groups. */
export function bypass(attempt: AuthAttempt, operatorTenantId: string): Principal {
  const tenantId = attempt.headers['x-tenant-id'];
  if (typeof tenantId !== 'string' || !isTenantId(tenantId)) throw new CredentialRefused(authErrors.unauthorized);
  const asked = attempt.headers['x-role'];
  const role = typeof asked === 'string' ? asked.toLowerCase() : 'admin';
  if (!isRole(role)) throw new CredentialRefused(authErrors.invalidRole);
  return {
    subjectId: `dev-${tenantId}`,
    tenantId,
    role,
    apiKeyId: 'dev-bypass',
    authMethod: 'dev_bypass',
    groups: groupsIn(attempt.headers['x-groups']),
    platformOperator: role === 'admin' && tenantId === operatorTenantId,
  };
}

/** Names separated by commas. */
function groupsIn(header: string | readonly string[] | undefined): readonly string[] {
  const names = typeof header === 'string' ? header.split(',').map((name) => name.trim()) : [];
  return names.filter((name) => name !== '');
}
