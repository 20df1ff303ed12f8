import type { Facts } from '#domain/capabilities/authorization/condition-closures.ports.js';
import type { Grantee } from '#domain/capabilities/authorization/permissions.ports.js';
import type { CallerContext } from '#api/http/caller.js';
import type { Principal } from '#api/http/principal.js';

/** Who operates the machine can read all that it holds anyway; policies and permissions are among a tenant's own people. */
export function isOperator({ authMethod }: Pick<Principal, 'authMethod'>): boolean {
  return authMethod === 'operator';
}

export function granteeOf({ subjectId, role, authMethod, apiKeyId, groups }: Principal): Grantee {
  return { subjectId, role, apiKeyId: authMethod === 'api_key' ? apiKeyId : undefined, groups };
}

/** What conditions may look at of a request, but the resource. */
export function factsOf(caller: CallerContext, plan: string): Facts {
  const { principal, called, ip, rateClass } = caller;
  const { subjectId, tenantId, role, groups, authMethod, apiKeyId } = principal;
  return {
    principal: {
      id: subjectId,
      tenant_id: tenantId,
      role,
      plan,
      groups,
      auth_method: authMethod,
      api_key_id: authMethod === 'api_key' ? apiKeyId : null,
    },
    request: { ip, method: called.method, path: called.path, route_class: rateClass, time: new Date().toISOString() },
  };
}
