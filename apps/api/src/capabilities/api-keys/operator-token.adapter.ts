import { hash, timingSafeEqual } from 'node:crypto';
import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import { isTenantId } from '#domain/kernel/streams.js';
import { CredentialRefused, type AuthAttempt, type Principal } from '#api/http/principal.js';

export interface OperatorTokens {
  /** Of this process's operator, from its run file: an admin of the tenant in `X-Tenant-Id`, everywhere. */
  readonly operatorToken: string | undefined;
  /** ADMIN_TOKEN, of whoever watches the system: good for what shows its health and its events, and for nothing else. */
  readonly adminToken: string | undefined;
}

const WATCHED = /^(?:\/v1)?\/admin\/(?:system\/health(?:\.json)?|events\/stream)$/;

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');

/** Knows the tokens of operators. They are compared by digests of one length, in constant time. */
export class OperatorCredentials {
  private readonly operator: Buffer | undefined;
  private readonly admin: Buffer | undefined;

  constructor({ operatorToken, adminToken }: OperatorTokens) {
    this.operator = operatorToken === undefined ? undefined : digest(operatorToken);
    this.admin = adminToken === undefined ? undefined : digest(adminToken);
  }

  /** The principal of an operator's token, in the tenant that it names; undefined for any other token or address. */
  principalOf(token: string, attempt: AuthAttempt, defaultTenantId: string): Principal | undefined {
    const given = digest(token);
    if (this.operator !== undefined && timingSafeEqual(this.operator, given))
      return principal('operator', attempt, defaultTenantId);
    if (this.admin !== undefined && timingSafeEqual(this.admin, given) && WATCHED.test(attempt.path))
      return principal('admin-token', attempt, defaultTenantId);
    return undefined;
  }
}

function principal(id: string, attempt: AuthAttempt, defaultTenantId: string): Principal {
  const tenantId = attempt.headers['x-tenant-id'] ?? defaultTenantId;
  if (typeof tenantId !== 'string' || !isTenantId(tenantId)) throw new CredentialRefused(authErrors.unauthorized);
  return {
    subjectId: id,
    tenantId,
    role: 'admin',
    apiKeyId: id,
    authMethod: 'operator',
    groups: [],
    platformOperator: true,
  };
}
